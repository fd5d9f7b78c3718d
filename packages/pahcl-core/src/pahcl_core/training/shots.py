"""Few-shot: how few of the training persons are trained on, as a share or as so many per class."""


class Shots:
    """Settings that say so."""

    __slots__ = ()
    few_shot: bool
    shot_ratio: float
    shots_per_class: int

    def check_shots(self) -> None:
        """Refuse numbers of persons that make no sense.

        Raises:
            ValueError: If one is out of range, or a share and a number are asked for at once.
        """
        if not 0 < self.shot_ratio <= 1:
            raise ValueError(f"shot_ratio must lie in (0, 1], got {self.shot_ratio}")
        if self.shots_per_class < 0:
            raise ValueError(f"shots_per_class must be at least 0, got {self.shots_per_class}")
        if self.few_shot and self.shots_per_class:
            raise ValueError(
                "few_shot trains on a share of the persons and shots_per_class on so many of each "
                "class: give one of the two"
            )

    @property
    def shots_in_name(self) -> str:
        """What they add to a run's name: `_fewshot10pct`, `_5shot`, or nothing."""
        if self.shots_per_class:
            return f"_{self.shots_per_class}shot"
        return f"_fewshot{100 * self.shot_ratio:g}pct" if self.few_shot else ""
