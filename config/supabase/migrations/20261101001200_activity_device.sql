-- From where an edit came: each line of the activity has the device that sent it.
--
-- * The device is the one that the edit was claimed under (`sync.applied_op`), so the line cannot say another one than the
--   answer that is kept. What was not done through the console has none, and neither have lines from before.
-- * A device is a random number that a console chose for itself. Whoever may read a line may read it: it tells one of a
--   person's machines from another, and nothing about either.
-- * A console that does not know the column passes over it, so the version of the schema stays as it is.

set local client_min_messages = warning;

alter table public.activity add column if not exists device uuid;
grant select (device) on public.activity to authenticated;

create or replace function flyos.note_activity() returns trigger
language plpgsql security definer set search_path = '' set timezone = 'UTC' as $$
declare
    was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    is_now jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    key text := flyos.key_of_row(tg_table_name, coalesce(is_now, was));
    told text[] := '{}';
    name text;
    who flyos.actor;
    seen_by text[];
    edit text;
    op uuid;
    sent_from uuid;
begin
    if tg_op = 'UPDATE' then
        foreach name in array tg_argv loop
            if is_now -> name is distinct from was -> name and name <> 'updated_at' then
                told := told || name;
            end if;
        end loop;
        if told = '{}' then
            return null;
        end if;
    else
        was := (select jsonb_object_agg(e.key, e.value) from jsonb_each(was) e where e.key = any (tg_argv));
        is_now := (select jsonb_object_agg(e.key, e.value) from jsonb_each(is_now) e where e.key = any (tg_argv));
        told := array[null];
    end if;
    who := flyos.writer();
    edit := sync.edit_of(key);
    op := left(edit, 36)::uuid;
    if op is not null then
        sent_from := (select o.device from sync.applied_op o where o.op_id = op);
    end if;
    seen_by := coalesce((select s.scopes from sync.row_state s where s.tbl = tg_table_name and s.pk = key), '{}');
    foreach name in array told loop
        insert into public.activity (op_id, device, actor_id, actor_name, tbl, pk, kind, field, old, new, reason, scopes)
        values (op, sent_from, who.user_id,
            coalesce(who.username, nullif(current_setting('role', true), 'none'), session_user),
            tg_table_name, key, lower(tg_op), name,
            case when name is null then was::text else was ->> name end,
            case when name is null then is_now::text else is_now ->> name end,
            nullif(substr(edit, 38), ''),
            -- The region that a row left hears that it left, and nothing else of it.
            case when name = 'region_id' and was ->> name is not null then seen_by || ('r:' || (was ->> name))
                else seen_by end);
    end loop;
    return null;
end
$$;

-- As before, and of each line its device. Which lines is asked once: in a condition, a table that is read whole would ask
-- it for each of its lines.
create or replace function public.activity_page(before bigint default null, limit_rows int default 100,
    tbl text default null, pk text default null) returns jsonb
language plpgsql stable security invoker set search_path = '' set jit = off set timezone = 'UTC' as $$
declare
    word text := sync.must(sync.schema_ver());
    size int := least(activity_page.limit_rows, 1000);
    ids bigint[];
    items jsonb;
begin
    if word is not null then
        return jsonb_build_object('must', word);
    end if;
    if coalesce(size, 0) < 1 then
        perform sync.fault('PT400', 'A page must have room for at least one line.');
    elsif (activity_page.tbl is not null and activity_page.tbl <> all (sync.tables()))
        or (activity_page.pk is not null and activity_page.tbl is null) then
        perform sync.fault('PT400', 'tbl is one of the tables, and pk goes with it.');
    end if;
    ids := sync.activity_ids(activity_page.before, size + 1, activity_page.tbl, activity_page.pk);
    select coalesce(jsonb_agg(to_jsonb(a) order by a.id desc), '[]') into items from (
        select x.id, x.at, x.op_id, x.device, x.actor_id, x.actor_name, x.tbl, x.pk, x.kind, x.field, x.old, x.new,
            x.reason
        from public.activity x
        where x.id = any (ids)) a;
    return jsonb_build_object('items', case when jsonb_array_length(items) > size then items - size else items end,
        'more', jsonb_array_length(items) > size, 'server_time', clock_timestamp());
end
$$;
