"""Check device commands, and record them.

Why:       a command changes how a device behaves during a race, so its status must be right for every writer: a sent
           command has a time, a failed one a reason, and an answered one stays answered.
Locks:     ACCESS EXCLUSIVE on device_commands while its rows are checked.
Downgrade: drops the constraints, triggers and functions; loses no rows.
"""

from alembic import op

from migrations import ddl

revision = "post_0018"
down_revision = "post_0017"
branch_labels = None
depends_on = None

COMMANDS = ("getgps", "getstatus", "getver", "getinfo", "getparam", "setparam", "setdigout", "cpureset")
CHECKS = (
    (f"command IN {COMMANDS}", "device_commands_command_check"),
    ("status IN ('queued', 'sent', 'acknowledged', 'failed')", "device_commands_status_check"),
    # A device accepts one line of ASCII.
    ("params ~ '^[ -~]+$'", "device_commands_params_check"),
    # A command may fail before or after it was sent.
    (
        "status = 'failed' OR (sent_at IS NOT NULL) = (status IN ('sent', 'acknowledged'))",
        "device_commands_sent_at_check",
    ),
    ("(answered_at IS NOT NULL) = (status IN ('acknowledged', 'failed'))", "device_commands_answered_at_check"),
    ("answer IS NULL OR status = 'acknowledged'", "device_commands_answer_check"),
    ("(error IS NOT NULL) = (status = 'failed')", "device_commands_error_check"),
)

ORDER = """
CREATE OR REPLACE FUNCTION public.refuse_an_earlier_status() RETURNS trigger
LANGUAGE plpgsql SET search_path TO public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION USING
    MESSAGE = concat('A command that is ', OLD.status, ' does not become ', NEW.status, '.'),
    ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = concat(TG_TABLE_NAME, '_order_check');
END
$$"""
SAME_EVENT = """
CREATE OR REPLACE FUNCTION public.refuse_an_entry_of_another_event() RETURNS trigger
LANGUAGE plpgsql SET search_path TO public, pg_temp AS $$
BEGIN
  IF NEW.event_id <> (SELECT event_id FROM public.entries WHERE id = NEW.entry_id) THEN
    RAISE EXCEPTION USING
      MESSAGE = 'entry_id does not fit event_id: they must be of the same event.',
      ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = concat(TG_TABLE_NAME, '_same_event_check');
  END IF;
  RETURN NEW;
END
$$"""
TRIGGERS = {
    "device_commands_order": "BEFORE UPDATE OF status ON public.device_commands FOR EACH ROW"
    " WHEN (OLD.status <> NEW.status AND (OLD.status IN ('acknowledged', 'failed') OR NEW.status = 'queued'))"
    " EXECUTE FUNCTION public.refuse_an_earlier_status()",
    "device_commands_same_event": "BEFORE INSERT OR UPDATE OF event_id, entry_id ON public.device_commands"
    " FOR EACH ROW EXECUTE FUNCTION public.refuse_an_entry_of_another_event()",
    **{
        f"device_commands_audit_{action}": f"AFTER {action.upper()} ON public.device_commands REFERENCING {rows}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION audit.record_{action}('event_id')"
        for action, rows in {
            "insert": "NEW TABLE AS new_rows",
            "update": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
            "delete": "OLD TABLE AS old_rows",
        }.items()
    },
}


def upgrade() -> None:
    ddl.require_columns("device_commands", ["event_id", "entry_id", "status"])
    for condition, name in CHECKS:
        ddl.add_check("device_commands", condition, name)
    op.execute(ORDER)
    op.execute(SAME_EVENT)
    for name, definition in TRIGGERS.items():
        op.execute(f"CREATE OR REPLACE TRIGGER {name} {definition}")


def downgrade() -> None:
    for name in TRIGGERS:
        op.execute(f"DROP TRIGGER IF EXISTS {name} ON public.device_commands")
    op.execute("DROP FUNCTION IF EXISTS public.refuse_an_entry_of_another_event()")
    op.execute("DROP FUNCTION IF EXISTS public.refuse_an_earlier_status()")
    for _, name in CHECKS:
        ddl.drop_check("device_commands", name)
