"""Whether answers can be written, told above the input as long as they cannot: the page's script shows it."""

import asyncio
from typing import Any

import chainlit as cl

from chat.ui.mount import house


async def tell_model(words: dict[str, Any]) -> None:
    """Show that the model is away, or take the notice back. Looks for it again where that is due."""
    await asyncio.to_thread(house().generator.look)
    await cl.context.emitter.send_window_message({"notice": words["away"] if house().generator.is_away else ""})
