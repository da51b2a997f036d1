"""The button's tare: asked of the service as any client asks, in a thread, as the answer takes seconds."""

from __future__ import annotations

import logging
import threading

from jetson_runtime.stream.control_client import ControlClient
from jetson_runtime.suit.errors import SuitError

_log = logging.getLogger("second-skin-panel")


class TareRequest:
    """One request to the control socket at `endpoint`. taken: None until it is answered, then whether it was."""

    def __init__(self, endpoint: str) -> None:
        self.taken: bool | None = None
        self._endpoint = endpoint
        threading.Thread(target=self._ask, name="tare", daemon=True).start()

    def _ask(self) -> None:
        try:
            with ControlClient(self._endpoint) as client:
                result = client.ask("tare")
        except SuitError as error:  # refused, or no service
            _log.warning("tare: %s", error)
            self.taken = False
        else:
            _log.info("tare %s taken: %d sensors", result["tare_id"], len(result["parts"]))
            self.taken = True
