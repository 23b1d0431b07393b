-- What headquarters does to sign-in accounts stands in the activity too: one line on the profile for each deed, with who
-- did it and why.
--
-- * The deeds are done through the sign-in server, where no trigger knows who asked for them or why. So the function
--   `admin-users`, which looked who asks, tells of each once it is done, with the key that it alone has. Nobody who is
--   signed in may call this: what stands in the activity cannot be made up.
-- * A line is of the kind `account`, with the deed's name as `new`. No address and no password comes here.
-- * The same `op` a second time notes nothing: a request that is sent again on its way leaves one line.
-- * An account that belongs to no profile is noted under the profile it was made for, or else under its own id: then
--   headquarters alone sees the line.
-- * A console that does not know this kind shows its name, so the version of the schema stays as it is.

set local client_min_messages = warning;

create or replace function public.note_account_deed(op uuid, actor uuid, profile uuid, deed text, reason text)
returns jsonb
language plpgsql volatile security definer set search_path = '' as $$
declare
    key text := note_account_deed.profile::text;
begin
    if note_account_deed.op is null or key is null then
        perform sync.fault('PT400', 'op and profile are needed.');
    elsif coalesce(note_account_deed.deed, '') not in ('create', 'invite', 'set_password', 'set_email', 'ban', 'unban',
            'sign_out', 'delete') then
        perform sync.fault('PT400', 'deed is none of the deeds on accounts.');
    elsif length(note_account_deed.reason) > 200 then
        perform sync.fault('PT400', 'reason is no text of at most 200 characters.');
    elsif note_account_deed.reason ~ flyos.harmful() then
        perform sync.fault('PT400', 'reason holds a control or invisible character.');
    end if;
    -- The first of two that come at once is waited for.
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(note_account_deed.op::text, 0));
    if exists (select from public.activity a where a.tbl = 'profiles' and a.pk = key and a.kind = 'account'
            and a.op_id = note_account_deed.op) then
        return jsonb_build_object('noted', false);
    end if;
    -- Without a person it was the key itself: the role's name, as in other lines.
    insert into public.activity (op_id, actor_id, actor_name, tbl, pk, kind, new, reason, scopes)
    values (note_account_deed.op, note_account_deed.actor,
        coalesce((select p.username from public.profiles p where p.id = note_account_deed.actor),
            nullif(current_setting('role', true), 'none'), session_user),
        'profiles', key, 'account', note_account_deed.deed, nullif(note_account_deed.reason, ''),
        coalesce((select s.scopes from sync.row_state s where s.tbl = 'profiles' and s.pk = key), '{}'));
    return jsonb_build_object('noted', true);
end
$$;

revoke execute on function public.note_account_deed(uuid, uuid, uuid, text, text) from public, anon, authenticated;
grant execute on function public.note_account_deed(uuid, uuid, uuid, text, text) to service_role;
