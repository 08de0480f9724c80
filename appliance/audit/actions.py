"""What the log can record, as `area:object:verb`."""

from enum import StrEnum


class AuditAction(StrEnum):
    """Every state change, sign-in and use of the model."""

    SETUP = "system:product:set-up"
    SERVICE_STARTED = "system:service:start"
    SERVICE_STOPPED = "system:service:stop"
    RUNTIME_RESTARTED = "system:runtime:restart"
    GUARD_LEVEL = "system:guard:report"
    LOGIN = "auth:session:open"
    LOGIN_FAILED = "auth:session:refuse"
    LOGOUT = "auth:session:close"
    USER_CREATED = "identity:user:create"
    USER_DISABLED = "identity:user:disable"
    USER_ENABLED = "identity:user:enable"
    USER_RESET = "identity:user:reset"
    GROUP_CREATED = "identity:group:create"
    GROUP_DELETED = "identity:group:delete"
    GROUP_JOINED = "identity:group:join"
    GROUP_LEFT = "identity:group:leave"
    KEY_CREATED = "identity:key:create"
    KEY_REVOKED = "identity:key:revoke"
    PROMPT = "chat:prompt:accept"
    PROMPT_REFUSED = "chat:prompt:refuse"
    REPLY = "chat:reply:finish"
    CONVERSATION_RENAMED = "chat:conversation:rename"
    CONVERSATION_DELETED = "chat:conversation:delete"
    AUDIT_VERIFIED = "audit:log:verify"
    ACCESS_REFUSED = "access:permission:refuse"
