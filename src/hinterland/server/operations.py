"""What carries out each row of the table of operations."""

from __future__ import annotations

from hinterland.server.http import Handler
from hinterland.server.protocols.rest import accounts, administrators, home, imports, records, service, sync

HANDLERS: dict[str, Handler] = {
    "auth.signup": accounts.sign_up,
    "auth.login": accounts.log_in,
    "auth.refresh": accounts.renew,
    "auth.logout": accounts.log_out,
    "auth.me": accounts.who_am_i,
    "auth.password": accounts.change_password,
    "auth.email": accounts.change_email,
    "auth.delete": accounts.delete_account,
    "admin.login": administrators.log_in,
    "admin.create": administrators.create_admin,
    "admin.list": administrators.list_admins,
    "admin.remove": administrators.remove_admin,
    "admin.password": administrators.reset_password,
    "admin.import": imports.import_records,
    "records.list": records.list_records,
    "records.create": records.create_record,
    "records.view": records.view_record,
    "records.replace": records.replace_record,
    "records.patch": records.patch_record,
    "records.delete": records.delete_record,
    "events.ticket": sync.issue_ticket,
    "sync.push": sync.push,
    "sync.pull": sync.pull,
    "home": home.home,
    "health": service.health,
    "ready": service.ready,
    "openapi": service.openapi,
    "jwks": service.jwks,
}
"""All but `events.stream`, which is an ASGI application of its own."""
