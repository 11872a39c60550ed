"""Every way to learn, a file each. `METHODS` names those of this package; others are given as `module:Class`."""

from importlib import import_module

from pendtrain.nearest import nearest
from pendtrain.objectives.objective import Labels, NoSettings, Objective, Rows

__all__ = ["Labels", "NoSettings", "Objective", "Rows", "find"]


def find(method: str) -> type[Objective]:
    """The objective a method's name stands for. Raises ValueError where there is none."""
    from pendtrain.recipe import METHODS

    name = METHODS.get(method, method)
    module, colon, attribute = name.partition(":")
    expected = f"expected {', '.join(METHODS)}, or package.module:Class"
    if not colon:
        raise ValueError(f"method is {method}, {expected}{nearest(method, METHODS)}")
    try:
        found = getattr(import_module(module), attribute, None)
    except Exception as problem:  # whatever a module from outside does when it is imported
        reason = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise ValueError(f"method is {method}, which cannot be imported: {reason}; {expected}") from None
    if not (isinstance(found, type) and issubclass(found, Objective)):
        raise ValueError(f"method is {method}, expected {attribute} to be a subclass of pendtrain.objectives.Objective")
    return found
