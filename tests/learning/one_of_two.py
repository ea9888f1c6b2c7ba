"""One of two processes that train a model and predict together: `python -m tests.learning.one_of_two RANK FOLDER`."""

import datetime
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

from labelprep.errors import UsageError
from labelprep.learning.checkpoint import load_trained
from labelprep.learning.options import PredictOptions, TrainOptions
from labelprep.learning.predict import predict
from labelprep.learning.train import train
from labelprep.prepared import Prepared

OPTIONS = TrainOptions(
    model="tests.learning.networks:noisy", epochs=3, batch_size=2, accumulate=2, lr=0.02, device="cpu", crop=(24, 24)
)


def stop_in_the_second_process(rank):
    """Only one of them hears a wish to stop, in the middle of the second epoch."""

    def progress(what, done, total, **figures):
        if rank == 1 and what.startswith("epoch 2/") and done == 1:
            raise KeyboardInterrupt

    return progress


def main(rank, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo",
        init_method=(folder / "meeting").as_uri(),
        rank=rank,
        world_size=2,
        timeout=datetime.timedelta(minutes=9),
    )
    prepared = Prepared.open(folder / "prepared")
    found = []
    whole = train(prepared, folder / "whole", OPTIONS)
    found.append([whole.identity, whole.confusion.tolist()])
    try:
        train(prepared, folder / "parts", OPTIONS, progress=stop_in_the_second_process(rank))
    except KeyboardInterrupt:
        found.append("stopped")
    parts = train(prepared, folder / "parts", OPTIONS)
    found.append([parts.identity, parts.confusion.tolist()])
    try:
        train(prepared, folder / "far", replace(OPTIONS, optimizer="sgd", lr=1e30, model="unet_small", clip_grad=None))
    except UsageError as error:
        found.append(str(error))
    trained = load_trained(folder / "whole", torch.device("cpu"), own_model=OPTIONS.model)
    predicted = predict(trained, folder / "source" / "images", folder / "predicted", PredictOptions(entropy=True))
    found.append([predicted.images, predicted.failed, predicted.identity])
    (folder / f"found-{rank}.json").write_text(json.dumps(found))
    torch.distributed.barrier()  # none leaves while the other still talks to it
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
    os._exit(0)  # a thread of gloo that is slow to end would abort the interpreter's end
