"""Requests over Directus's WebSocket."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.access.conftest import Clubs
from tests.access.people import Person
from tools.devstack.node import node

Message = Mapping[str, Any]

# Sends each message after the answer to the one before; prints all answers.
_TALK = """
const [url, token, messages] = process.argv.slice(1);
const waiting = JSON.parse(messages), answers = [];
const socket = new WebSocket(url);
const next = () => {
  if (answers.length === waiting.length) { console.log(JSON.stringify(answers)); process.exit(); }
  socket.send(JSON.stringify(waiting[answers.length]));
};
socket.onopen = () => socket.send(JSON.stringify({ type: 'auth', access_token: token }));
socket.onmessage = ({ data }) => {
  const answer = JSON.parse(data);
  if (answer.type === 'ping') return;
  if (answer.type !== 'auth') answers.push(answer);
  next();
};
setTimeout(() => process.exit(1), 60000);
"""


def talk(clubs: Clubs, person: Person, messages: list[Message]) -> list[dict[str, Any]]:
    """Send messages one after another; return their answers."""
    url = str(clubs.served.http.base_url).replace("http", "ws").rstrip("/") + "/websocket"
    command = [str(node()), "-e", _TALK, url, str(person.token), json.dumps(messages)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    answers: list[dict[str, Any]] = json.loads(finished.stdout)
    return answers
