"""All exceptions that a call of the client can raise.

HinterlandError
├── NetworkError                 no answer came
│   ├── ConnectError             the server was not reached; nothing was sent
│   │   ├── NameNotFound         the host name has no address
│   │   └── TlsError             the certificate was refused; nothing was sent
│   ├── ConnectionLost           the connection ended before the answer was complete
│   │   └── ConnectionClosed     a WebSocket has ended: `close_code`, `reason`
│   └── Timeout                  something took too long:
│       ├── ConnectTimeout       the connection
│       ├── PoolTimeout          a free connection
│       ├── WriteTimeout         the request
│       ├── ReadTimeout          the answer
│       └── DeadlineExceeded     all of it, retries included
├── QueueFull                    too many messages wait for the connection
├── UnsafeRequest                the client refused to send it
│   ├── InsecureAddress          plain http beyond this machine
│   └── RedirectRefused          the server pointed somewhere that is not safe
├── InvalidResponse              the answer does not fit its type
├── InvalidSetting               an option or a variable of the environment can't be used
├── VaultError                   the session can't be kept or read
├── ClientClosed                 the client was closed
├── WrongLoop                    the client belongs to another event loop, thread or process
└── StatusError                  the server responded with an error
    ├── BadRequest               400, and other 4xx
    │   ├── InvalidCursor
    │   ├── TooCostly            the filter costs too much
    │   ├── InvalidGrant         the refresh token is dead: signed out
    │   ├── InvalidChallenge     the challenge can't be answered: log in again
    │   ├── WrongServer          the session is of another server, and is kept
    │   ├── ValidationFailed     fields are not valid: `errors` by field
    │   │   └── PasswordRefused
    │   ├── MethodNotAllowed     405
    │   ├── TooLarge             413, 431
    │   ├── UnsupportedMediaType 415
    │   └── KeyReused            422
    ├── Unauthorized             401
    │   ├── InvalidCredentials
    │   └── ChallengeRequired    a second factor is needed: answer its `challenge`
    ├── Forbidden                403
    ├── NotFound                 404, 410
    │   └── UnknownCollection
    ├── RequestTimeout           408
    ├── Conflict                 409
    │   ├── InProgress
    │   ├── Fork
    │   ├── Gap
    │   └── Unacknowledged
    ├── Stale                    412
    ├── RateLimited              429
    └── ServerError              500 and other 5xx
        ├── ServiceUnavailable   502, 503, 504
        └── StorageFull          507
"""

from __future__ import annotations

from hinterland.client.failures import (
    ClientClosed,
    ConnectError,
    ConnectionClosed,
    ConnectionLost,
    ConnectTimeout,
    DeadlineExceeded,
    HinterlandError,
    InsecureAddress,
    InvalidResponse,
    InvalidSetting,
    NameNotFound,
    NetworkError,
    PoolTimeout,
    QueueFull,
    ReadTimeout,
    RedirectRefused,
    Sent,
    Timeout,
    TlsError,
    UnsafeRequest,
    VaultError,
    WriteTimeout,
    WrongLoop,
    most_sent,
)
from hinterland.client.refusals import (
    BadRequest,
    ChallengeRequired,
    Conflict,
    Forbidden,
    Fork,
    Gap,
    GraphQLErrorEntry,
    InProgress,
    InvalidChallenge,
    InvalidCredentials,
    InvalidCursor,
    InvalidGrant,
    KeyReused,
    MethodNotAllowed,
    NotFound,
    PasswordRefused,
    RateLimited,
    RequestTimeout,
    ServerError,
    ServiceUnavailable,
    Stale,
    StatusError,
    StorageFull,
    TooCostly,
    TooLarge,
    Unacknowledged,
    Unauthorized,
    UnknownCollection,
    UnsupportedMediaType,
    ValidationFailed,
    WrongServer,
)

__all__ = [
    "BadRequest",
    "ChallengeRequired",
    "ClientClosed",
    "Conflict",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "ConnectionLost",
    "DeadlineExceeded",
    "Forbidden",
    "Fork",
    "Gap",
    "GraphQLErrorEntry",
    "HinterlandError",
    "InProgress",
    "InsecureAddress",
    "InvalidChallenge",
    "InvalidCredentials",
    "InvalidCursor",
    "InvalidGrant",
    "InvalidResponse",
    "InvalidSetting",
    "KeyReused",
    "MethodNotAllowed",
    "NameNotFound",
    "NetworkError",
    "NotFound",
    "PasswordRefused",
    "PoolTimeout",
    "QueueFull",
    "RateLimited",
    "ReadTimeout",
    "RedirectRefused",
    "RequestTimeout",
    "Sent",
    "ServerError",
    "ServiceUnavailable",
    "Stale",
    "StatusError",
    "StorageFull",
    "Timeout",
    "TlsError",
    "TooCostly",
    "TooLarge",
    "Unacknowledged",
    "Unauthorized",
    "UnknownCollection",
    "UnsafeRequest",
    "UnsupportedMediaType",
    "ValidationFailed",
    "VaultError",
    "WriteTimeout",
    "WrongLoop",
    "WrongServer",
    "most_sent",
]
