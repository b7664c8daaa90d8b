"""The components that settings name."""


class Radio: ...


class Checkbox: ...
