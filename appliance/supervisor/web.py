"""The web process: its services wired together, its line to the supervisor, its server.

The order of the start matters: database and log first, then what an earlier process left
unfinished, then the door opens. At the end the same backwards: the door closes, running
answers are stopped and recorded, the last entries are sealed.
"""

import asyncio
import logging
import signal
import socket
from collections import deque

import uvicorn

from appliance.audit.actions import AuditAction
from appliance.audit.entry import Entry
from appliance.audit.log import AuditLog
from appliance.audit.sequencer import Sequencer, SequencerThread
from appliance.chat.service import Chat
from appliance.clock import SystemClock
from appliance.completions.pipeline import Completions
from appliance.config import Settings, share_folder
from appliance.core import SYSTEM, Outcome
from appliance.egress.sealer import SealerClient
from appliance.errors import NaesilError
from appliance.http.app import create_app
from appliance.http.services import Services
from appliance.identity.accounts import Accounts
from appliance.identity.keys import ApiKeys
from appliance.identity.sessions import Sessions
from appliance.ids import new_id
from appliance.inference.client import InferenceClient
from appliance.policy.documents import load as load_policy
from appliance.storage import migrate
from appliance.storage.engine import Database
from appliance.storage.vault import Vault
from appliance.supervisor import tls
from appliance.supervisor.spec import ChildSpec, Report, ReportLine, send_report

log = logging.getLogger(__name__)

GRACE_S = 15
READ_BYTES = 65536
