"""What the stages of one chain depend on, worked out when it is asked for and not twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from labelprep.pipeline.chain import Chain
from labelprep.pipeline.keys import Parts, stage_parts
from labelprep.pipeline.sources import images_identity, splits_identity
from labelprep.spec import DatasetSpec
from labelprep.stages import StageResult
from labelprep.storage.place import Place, Remote, to_place
from labelprep.storage.remembered import Remembered

NO_SPLITS = ("split", "report")  # stages that ask no prepared folder for its splits
NO_IMAGES = (*NO_SPLITS, "weights", "predict")  # nor for its images; those of predict are a parameter


class Identities:
    """The parts of every stage's key.

    Args:
        chain: the stages.
        version: gives the version integer of a kind of stage.
        fingerprint: gives the fingerprint of a raw dataset's files.
        hashes: gives a table of remembered hashes when one is needed.
    """

    def __init__(
        self,
        chain: Chain,
        version: Callable[[str], int],
        fingerprint: Callable[[DatasetSpec], str],
        hashes: Callable[[], Remembered],
    ) -> None:
        self.chain, self.version, self.fingerprint, self.hashes = chain, version, fingerprint, hashes
        self._raw: dict[DatasetSpec, str] = {}

    def own(self, name: str) -> Parts:
        """What can be known before any other stage has run."""
        use, stage = self.chain.use(name), self.chain.stages[name]
        dataset = self.chain.dataset(name)
        return stage_parts(stage, use, self.version(use), dataset, self.hashes, self.chain.stages)

    def full(self, name: str, results: Mapping[str, StageResult]) -> Parts:
        """Everything: also the results of the stages before, the raw files, and the splits and images of a folder."""
        before = self.chain.before(name)
        parts = self.own(name) | {"inputs": {n: results[n].identity for n in before}}
        raw = self.chain.dataset(name)
        if raw is not None:
            return parts | {"sources": self._sources(raw)}
        folder = self._folder(name, results)
        if folder is None:
            return parts
        use = self.chain.use(name)
        if use not in NO_SPLITS and not any(self.chain.use(n) == "split" for n in before):
            parts |= {"splits": splits} if (splits := splits_identity(folder)) else {}
        if use not in NO_IMAGES:
            moved = getattr(self.chain.stages[name], "images", None)
            images = images_identity(folder, moved, self.hashes())
            behind = self.chain.raw(name)
            if images is not None:
                parts |= {"images": images}
            elif behind is not None and isinstance(behind.root, Remote):
                parts |= {"sources": self._sources(behind)}
        return parts

    def _folder(self, name: str, results: Mapping[str, StageResult]) -> Place | None:
        """The prepared folder that a stage reads."""
        named = getattr(self.chain.stages[name], "data", None)
        if named is not None and str(named) not in self.chain.stages:
            return to_place(named)
        folders = (results[n].out for n in self.chain.before(name) if self.chain.use(n) == "convert")
        return next((folder for folder in folders if folder is not None), None)

    def _sources(self, dataset: DatasetSpec) -> str:
        if dataset not in self._raw:
            self._raw[dataset] = self.fingerprint(dataset)
        return self._raw[dataset]
