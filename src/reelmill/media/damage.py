"""What is told of a file that is damaged or not all there. Pure."""

from reelmill.media.diagnosis import AGAIN, Diagnosis

_LARGEST_SIDE = 2**15
_CODE = "INPUT_CORRUPT"
_LEAST_SECONDS = 0.05  # that are told as more than 0.0
CUT = f"{AGAIN}; where the recording broke off, submit the part that plays."
"""A remedy of what is cut off."""
PROTECTED = "Submit a copy without protection (DRM), from whoever holds the key."
"""A remedy of what is encrypted."""
_DAMAGED = f"{AGAIN}; where the source is damaged too, repair it with the program that made it."


def damaged(kind: str, cause: str, remedy: str = _DAMAGED, *, code: str = _CODE) -> Diagnosis:
    return Diagnosis(kind=kind, code=code, cause=cause, remedy=remedy)


def cut_off(there: int, promised: int, what: str = "the file") -> Diagnosis:
    share = f", {100 * there / promised:.0f} % of them" if promised else ""
    return damaged("cut_off", f"{what} is damaged or cut off: {there} of {promised} bytes are there{share}", CUT)


def cut_short(there: float, promised: float) -> Diagnosis:
    """As `cut_off`, in seconds; 0 of them where they are not known."""
    if not _LEAST_SECONDS <= there < promised:
        return damaged("cut_off", "the file is damaged or cut off: it ends before its header says that it does", CUT)
    return damaged("cut_off", f"the file is damaged or cut off: {there:.1f} of {promised:.1f} seconds are there", CUT)


def impossible(width: int, height: int) -> Diagnosis | None:
    if 0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE and width * height <= 2**28:
        return None
    remedy = f"{AGAIN}; of a picture that is truly so large make a smaller one first."
    return damaged("size_impossible", f"the picture claims {width} × {height} pixels, which can't be read", remedy)
