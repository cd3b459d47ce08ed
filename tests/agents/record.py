"""What a client put before the model."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, UnidentifiedImageError


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An image that was given to the model as one."""

    media_type: str
    data: bytes

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height, if it is an image that can be opened."""
        try:
            return Image.open(BytesIO(self.data)).size
        except UnidentifiedImageError:
            return None


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of one call, as the model was given it."""

    text: str
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool that the model was shown."""

    name: str
    """The name that calls have."""
    namespace: str = ""
    """The group in which a call has to name it, if the API has groups."""

    def is_called(self, name: str) -> bool:
        """Whether it is the server's tool of a name; clients put a prefix before that."""
        return self.name == name or self.name.endswith((f"_{name}", f"-{name}"))


def picture(media_type: str, data: str) -> Picture:
    """A picture from base64."""
    return Picture(media_type=media_type, data=base64.b64decode(data))


def picture_of_url(url: str) -> Picture:
    """A picture from a ``data:`` URL."""
    head, _, data = url.partition(",")
    return picture(head.removeprefix("data:").partition(";")[0], data)
