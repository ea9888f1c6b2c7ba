"""One batch through the network and back: precision, accumulation, clipping, the step, the moving average."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from labelprep.learning.arithmetic import Compiled, Say, autocast, precision_of
from labelprep.learning.distributed import Group
from labelprep.learning.losses import LossValue
from labelprep.learning.networks.segmenter import AllOutputs, Segmenter
from labelprep.learning.options import TrainOptions

Loss = Callable[[Tensor, Tensor], LossValue]
Check = Callable[[float], None]


class Stepper:
    """The network in training, and everything that changes its weights.

    Attributes:
        model: the network.
        average: the moving average of its weights, or None.
        last_rate: learning rate of the head in the last step.
        precision: of the forward pass.
    """

    def __init__(
        self,
        model: Segmenter,
        loss: Loss,
        optimizer: torch.optim.Optimizer,
        scheduler: LambdaLR,
        options: TrainOptions,
        group: Group,
        say: Say,
    ) -> None:
        self.model, self.loss, self.optimizer, self.scheduler = model, loss, optimizer, scheduler
        self.options, self.group = options, group
        self.last_rate: float = optimizer.param_groups[0]["lr"]
        self.precision = precision_of(options.precision, group.device)
        self.scaler = torch.amp.GradScaler(group.device.type, enabled=self.precision == "fp16")
        self.average: AveragedModel | None = None
        if options.ema is not None:
            mean = get_ema_multi_avg_fn(options.ema)  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self.average = AveragedModel(model, multi_avg_fn=mean, use_buffers=True)
        outputs = AllOutputs(model)
        self.parallel = DistributedDataParallel(outputs) if group.world > 1 else None
        network = self.parallel or outputs
        self.forward: Callable[[Tensor], tuple[Tensor, ...]] = Compiled(network, say) if options.compile else network

    @property
    def shown(self) -> Segmenter:
        """The network that is validated and saved: the average where there is one."""
        if self.average is None:
            return self.model
        return cast(Segmenter, self.average.module)

    def __call__(
        self, images: Tensor, labels: Tensor, check: Check, *, share: float, last: bool
    ) -> tuple[float, Tensor]:
        """The loss and the logits of a batch, whose gradient is added; the last batch of a group makes the step.

        Args:
            images: (B, 3, H, W) normalised.
            labels: (B, H, W) integers.
            check: is given the loss before anything depends on it, and raises where it is not finite.
            share: one over the batches of the group.
            last: whether it is the last one.
        """
        alone = nullcontext() if last or self.parallel is None else self.parallel.no_sync()
        with alone:
            with autocast(self.precision, self.group.device):
                logits, *others = self.forward(images)
            loss = self.loss(logits, labels).total
            for extra in others if self.options.aux_weight else ():
                loss = loss + self.options.aux_weight * self.loss(extra, labels).total
            value = float(loss.detach())
            check(value)
            self.scaler.scale(loss * share).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        if last:
            self._step()
        return value, logits.detach()

    def _step(self) -> None:
        before = self.scaler.get_scale()
        if self.options.clip_grad is not None:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip_grad)
        self.last_rate = self.optimizer.param_groups[0]["lr"]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.scaler.get_scale() < before:  # fp16 overflowed: the scaler left this step out
            return
        self.scheduler.step()
        if self.average is not None:
            self.average.update_parameters(self.model)

    def state(self) -> dict[str, Any]:
        """Everything that changes with the steps."""
        return {
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
            "last_rate": self.last_rate,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` gave."""
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.scaler.load_state_dict(state["scaler"])
        self.last_rate = state["last_rate"]
