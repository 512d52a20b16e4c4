"""Which function carries out which row of the table."""

from __future__ import annotations

from hinterland.server.operations import accounts, administrators, batch, bulk, imports, records, schema, service, sync
from hinterland.server.operations.call import Handler

HANDLERS: dict[str, Handler] = {
    "auth.signup": accounts.sign_up,
    "auth.login": accounts.log_in,
    "auth.challenge": accounts.answer_challenge,
    "auth.refresh": accounts.renew,
    "auth.logout": accounts.log_out,
    "auth.me": accounts.who_am_i,
    "auth.password": accounts.change_password,
    "auth.email": accounts.change_email,
    "auth.delete": accounts.delete_account,
    "auth.totp": accounts.enrol_totp,
    "auth.totp.confirm": accounts.confirm_totp,
    "auth.totp.disable": accounts.disable_totp,
    "auth.sessions": accounts.list_sessions,
    "auth.sessions.end": accounts.end_session,
    "admin.login": administrators.log_in,
    "admin.create": administrators.create_admin,
    "admin.list": administrators.list_admins,
    "admin.remove": administrators.remove_admin,
    "admin.password": administrators.reset_password,
    "admin.import": imports.import_records,
    "admin.schema": schema.describe_schema,
    "admin.schema.add": schema.extend_schema,
    "records.list": records.list_records,
    "records.bulk": bulk.bulk_records,
    "records.aggregate": records.aggregate_records,
    "records.create": records.create_record,
    "records.view": records.view_record,
    "records.replace": records.replace_record,
    "records.patch": records.patch_record,
    "records.delete": records.delete_record,
    "batch": batch.write_batch,
    "events.ticket": sync.issue_ticket,
    "sync.push": sync.push,
    "sync.pull": sync.pull,
    "schema": schema.describe_app,
    "health": service.health,
    "ready": service.ready,
    "jwks": service.jwks,
}
"""All but `events.stream`, whose response is a subscription, and the two documents of REST itself."""
