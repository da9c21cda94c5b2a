"""Views: what all interactive views have in common."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qsl, urlencode

import ipywidgets
import traitlets
from matplotlib.figure import Figure

from effv2viz.figures import save_figure, to_png
from effv2viz.suggestions import unknown_name
from effv2viz.widgets.beside_cells import hear_beside_cells
from effv2viz.widgets.front_end import FrontEnd
from effv2viz.widgets.html_host import write_page
from effv2viz.widgets.turns import TURN, Menu

Self = TypeVar("Self", bound="View")


class View(traitlets.HasTraits):
    """A view that a notebook shows, and that Python can drive and read.

    What can be chosen in it are traits: set them, ``observe`` them, or ``traitlets.link`` them to another view's.
    ``widget`` is the ipywidget inside, to put into a box with others.
    """

    widget: ipywidgets.DOMWidget
    CHOICES: ClassVar[tuple[str, ...]] = ()  # the traits that make up the state, in the order in which they are set

    def __init__(self) -> None:
        super().__init__()
        self._settling = False
        self._good: dict[str, Any] = {}
        self._message = ""

    def __setattr__(self, name: str, value: Any) -> None:
        with TURN:
            super().__setattr__(name, value)

    def table(self) -> list[dict[str, Any]]:
        """What the view shows, as plain rows."""
        raise NotImplementedError

    def figure(self) -> Figure:
        """What the view shows, as a matplotlib figure."""
        raise NotImplementedError

    @property
    def message(self) -> str:
        """What the view says, in a sentence; after a failure, what went wrong."""
        return self._message

    def save(self, path: str | Path) -> None:
        """Writes what the view shows: .png, .svg or .pdf is a picture, .html a page that needs no kernel or network.

        Raises:
            ValueError: for another ending.
        """
        if Path(path).suffix.lower() == ".html":
            write_page(path, repr(self), [(self.heading(), self.front_ends())])
        else:
            save_figure(self.figure(), path)

    def heading(self) -> str:
        """The title of the view on a page."""
        return type(self).__name__

    def front_ends(self) -> list[FrontEnd]:
        """The front ends that a saved page shows, from top to bottom."""
        raise NotImplementedError

    def state(self) -> str:
        """What is chosen in the view, as a short string to share: ``from_state`` opens another view with it."""
        return urlencode({name: self._written(getattr(self, name)) for name in self.CHOICES})

    @classmethod
    def from_state(cls: type[Self], state: str, *args: Any, **kwargs: Any) -> Self:
        """A view as ``state`` described it.

        Args:
            state: what ``state()`` returned.
            args: of the view, as for a new one.
            kwargs: likewise.

        Raises:
            ValueError: if the string is no state of such a view, or does not fit its network or pictures.
        """
        view = cls(*args, **kwargs)
        changes: dict[str, Any] = {}
        for name, text in parse_qsl(state, keep_blank_values=True):
            if name not in cls.CHOICES:
                raise unknown_name(f"choice in the state of {cls.__name__}:", name, cls.CHOICES)
            changes[name] = view._read(name, text)
        if not changes:
            raise ValueError(f"{state!r} is no state of {cls.__name__}: use what its state() returned")
        view._take(changes)
        return view

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        shown = self.widget._repr_mimebundle_(**kwargs) or {}
        bundle = dict(shown[0] if isinstance(shown, tuple) else shown)
        picture = base64.b64encode(to_png(self.figure())).decode()
        return {**bundle, "text/plain": repr(self), "image/png": picture}

    # What the kinds of view differ in.

    def _follow(self, changed: set[str]) -> None:
        """Adapts other choices to changed ones, such as the channel to a new site."""

    def _show(self) -> None:
        """Computes what is chosen and, once all is there, shows it."""
        raise NotImplementedError

    def _put_back(self) -> None:
        """Sets the controls to what is chosen."""
        raise NotImplementedError

    # How choices are taken.

    def _begin(self, **choices: Any) -> None:
        """Sets the first choices and shows them. What goes wrong is raised, since there is no view yet."""
        hear_beside_cells(self.widget)
        with self._settled():
            for name, value in choices.items():
                setattr(self, name, value)
        self._update(set())
        self.observe(self._changed, names=list(self.CHOICES))

    def _changed(self, change: Any) -> None:
        """Answers a choice made from Python or by a link."""
        if not self._settling:
            self._guarded(lambda: self._update({change.name}))

    def _mirror(self, control: FrontEnd | Menu, names: Mapping[str, str]) -> None:
        """Takes choices from a control: {its trait: ours}. Traits that change together are taken together."""

        def heard(change: Any) -> None:
            if self._settling:
                return
            pairs = {own: getattr(control, theirs) for theirs, own in names.items()}
            changes = {own: value for own, value in pairs.items() if value != getattr(self, own)}
            if changes:
                self._guarded(lambda: self._take(changes))

        control.observe(heard, names=list(names))

    def _take(self, changes: Mapping[str, Any]) -> None:
        """Takes some choices at once, all or none."""
        try:
            with self._settled():
                for name in self.CHOICES:
                    if name in changes:
                        setattr(self, name, changes[name])
            self._update(set(changes))
        except Exception:
            self._restore()
            raise

    def _update(self, changed: set[str]) -> None:
        with self._settled():
            self._follow(changed)
            self._show()
            self._good = {name: getattr(self, name) for name in self.CHOICES}
            for front in self.front_ends():
                front.error = ""

    def _guarded(self, act: Callable[[], None]) -> None:
        """Whatever goes wrong is said in the view, which keeps its last good state."""
        try:
            act()
        except Exception as error:
            self._restore()
            self._message = f"{type(error).__name__}: {error}"
            for front in self.front_ends():
                front.error = self._message

    def _restore(self) -> None:
        with self._settled():
            for name, value in self._good.items():
                setattr(self, name, value)
            self._put_back()

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """While the block lasts, changes are not answered."""
        with TURN:
            outer, self._settling = self._settling, True
            try:
                yield
            finally:
                self._settling = outer

    @staticmethod
    def _written(value: Any) -> str:
        return ",".join(map(str, value)) if isinstance(value, list) else str(value)

    def _read(self, name: str, text: str) -> Any:
        kind = self.traits()[name]
        try:
            if isinstance(kind, traitlets.List):
                return [int(part) for part in text.split(",")] if text else []
            return int(text) if isinstance(kind, traitlets.Int) else text
        except ValueError as error:
            raise ValueError(f"the state says {name}={text!r}, which is no number") from error
