-- Activity: who did what, when, from which edit, with what reason. Append-only, written by the same kind of trigger as
-- the versions, so that edits made elsewhere stand here too. Nobody can change or remove a line through the API.

set local client_min_messages = warning;

create table if not exists public.activity (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    -- The edit that did it; null for what was not done through the console.
    op_id uuid,
    -- The person's profile, without a foreign key: people go, what they did stays. Null for administrators.
    actor_id uuid,
    -- The name they had then; of an administrator the database role.
    actor_name text not null,
    tbl text not null,
    pk text not null,
    -- insert, update or delete. An update has one line per column; the others one line with the whole row in JSON.
    kind text not null,
    field text,
    old text,
    new text,
    reason text,
    -- Who could see the row then, before and after.
    scopes text[] not null
);
create index if not exists activity_row on public.activity (tbl, pk, id);
create index if not exists activity_actor on public.activity (actor_id, id);
-- The region that could see a line stands first, or after `m:`; the one that its row left stands last. Written out, in
-- the query below too: a function in their place is unfolded for some roles and not for others, and an index by the one
-- form is not used for the other.
create index if not exists activity_region on public.activity
    ((case when scopes[1] like 'r:%' then scopes[1] when scopes[2] like 'r:%' then scopes[2] end), id);
create index if not exists activity_left on public.activity ((scopes[cardinality(scopes)]), id)
    where scopes[cardinality(scopes)] like 'r:%';
-- In another place a region would not be looked for. A function, since a check is read and planned anew for each line
-- that is written, and written out it takes longer than the line itself.
create or replace function flyos.regions_in_place(scopes text[]) returns boolean
language plpgsql immutable parallel safe set search_path = '' as $$
begin
    return array_to_string(scopes[3:cardinality(scopes) - 1], ' ') not like '%r:%'
        and (cardinality(scopes) < 3 or scopes[1] not like 'r:%' or scopes[2] not like 'r:%');
end
$$;
alter table public.activity drop constraint if exists activity_scopes_check;
alter table public.activity add constraint activity_scopes_check check (flyos.regions_in_place(scopes));
comment on table public.activity is 'Who did what, when and why. Append-only.';

alter table public.activity enable row level security;
revoke all on public.activity from public, anon, authenticated, service_role;
-- Older projects grant whatever is made in this schema to everybody, sequences too.
revoke all on sequence public.activity_id_seq from public, anon, authenticated, service_role;
grant select on public.activity to service_role;
-- Not `scopes`: who else could see a row is nobody's business.
grant select (id, at, op_id, actor_id, actor_name, tbl, pk, kind, field, old, new, reason) on public.activity
    to authenticated;

-- MAIN_HQ all; REGIONAL_HQ the own region's, and everybody their own.
drop policy if exists flyos_see on public.activity;
create policy flyos_see on public.activity for select to authenticated
    using ((select flyos.my_role()) = 'MAIN_HQ' or actor_id = (select flyos.my_id())
        or ('r:' || (select flyos.my_command())) = any (scopes));

create or replace function flyos.append_only() returns trigger
language plpgsql set search_path = '' as $$
begin
    raise exception using errcode = 'feature_not_supported', message = 'Activity is append-only.';
end
$$;
drop trigger if exists flyos_append_only on public.activity;
create trigger flyos_append_only before update or delete or truncate on public.activity
    for each statement execute function flyos.append_only();

-- The arguments are the columns that the history tells of; what else the owner keeps in these tables stays where it is.
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
    seen_by := coalesce((select s.scopes from sync.row_state s where s.tbl = tg_table_name and s.pk = key), '{}');
    foreach name in array told loop
        insert into public.activity (op_id, actor_id, actor_name, tbl, pk, kind, field, old, new, reason, scopes)
        values (left(edit, 36)::uuid, who.user_id,
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

do $$
declare
    t record;
begin
    for t in select f.tbl, string_agg(quote_literal(f.name), ', ' order by f.ord) as columns from flyos.field f group by 1 loop
        execute format('drop trigger if exists flyos_5_activity on public.%I', t.tbl);
        execute format('create trigger flyos_5_activity after insert or update or delete on public.%I
            for each row execute function flyos.note_activity(%s)', t.tbl, t.columns);
    end loop;
end
$$;

-- The newest lines that the caller may see, by id: candidates, by role, each role by an index of its own. What is in them
-- comes from the table, under row-level security, which says the same; a test holds the two together.
create or replace function sync.activity_ids(p_before bigint, p_size int, p_tbl text, p_pk text) returns bigint[]
language plpgsql stable security definer set search_path = '' set jit = off set enable_seqscan = off as $$
declare
    me flyos.actor := flyos.caller();
    last bigint := coalesce(p_before, 9223372036854775807);
    region text := 'r:' || flyos.my_command();
begin
    if p_pk is not null then
        -- The history of one row is short.
        return array(select x.id from public.activity x
            where x.tbl = p_tbl and x.pk = p_pk and x.id < last
                and (me.role = 'MAIN_HQ' or x.actor_id = me.user_id or region = any (x.scopes))
            order by x.tbl desc, x.pk desc, x.id desc limit p_size);
    elsif me.role = 'MAIN_HQ' then
        return array(select x.id from public.activity x
            where x.id < last and (p_tbl is null or x.tbl = p_tbl) order by x.id desc limit p_size);
    end if;
    return array(select l.id from (
        (select x.id from public.activity x
            where x.actor_id = me.user_id and x.id < last and (p_tbl is null or x.tbl = p_tbl)
            order by x.id desc limit p_size)
        union
        (select x.id from public.activity x
            where case when x.scopes[1] like 'r:%' then x.scopes[1] when x.scopes[2] like 'r:%' then x.scopes[2] end
                = region and x.id < last and (p_tbl is null or x.tbl = p_tbl)
            order by x.id desc limit p_size)
        union
        (select x.id from public.activity x
            where x.scopes[cardinality(x.scopes)] = region and x.scopes[cardinality(x.scopes)] like 'r:%'
                and x.id < last and (p_tbl is null or x.tbl = p_tbl)
            order by x.id desc limit p_size)) l
        order by l.id desc limit p_size);
end
$$;

-- One page of what the caller may see, newest first: `before` is the id that the last page ended with; `tbl` and `pk`
-- narrow it to one row's history.
create or replace function public.activity_page(before bigint default null, limit_rows int default 100,
    tbl text default null, pk text default null) returns jsonb
language plpgsql stable security invoker set search_path = '' set jit = off set timezone = 'UTC' as $$
declare
    word text := sync.must(sync.schema_ver());
    size int := least(activity_page.limit_rows, 1000);
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
    select coalesce(jsonb_agg(to_jsonb(a) order by a.id desc), '[]') into items from (
        select x.id, x.at, x.op_id, x.actor_id, x.actor_name, x.tbl, x.pk, x.kind, x.field, x.old, x.new, x.reason
        from public.activity x
        where x.id = any (sync.activity_ids(activity_page.before, size + 1, activity_page.tbl, activity_page.pk))) a;
    return jsonb_build_object('items', case when jsonb_array_length(items) > size then items - size else items end,
        'more', jsonb_array_length(items) > size, 'server_time', clock_timestamp());
end
$$;

-- What devices last said of themselves, of the people the caller may see: newest first.
create or replace function public.sync_devices() returns jsonb
language plpgsql stable security invoker set search_path = '' set jit = off set timezone = 'UTC' as $$
declare
    word text := sync.must(sync.schema_ver());
begin
    if word is not null then
        return jsonb_build_object('must', word);
    end if;
    return jsonb_build_object('devices', (
        select coalesce(jsonb_agg(jsonb_build_object('user', d.user_id, 'username', p.username, 'device', d.device,
            'waiting', d.waiting, 'oldest_s', d.oldest_s, 'needs_you', d.needs_you, 'version', d.version, 'at', d.at)
            order by d.at desc, d.device), '[]')
        from public.profiles p, lateral sync.devices_of(p.id) d), 'server_time', clock_timestamp());
end
$$;

create or replace function sync.devices_of(p_user uuid) returns setof sync.device
language sql stable security definer set search_path = '' rows 2 as $$
    select d.* from sync.device d where d.user_id = p_user
$$;

revoke execute on all functions in schema flyos, sync from public;
grant execute on function sync.devices_of(uuid), sync.activity_ids(bigint, int, text, text) to authenticated;
revoke execute on function public.activity_page(bigint, int, text, text), public.sync_devices()
    from public, anon, service_role;
grant execute on function public.activity_page(bigint, int, text, text), public.sync_devices() to authenticated;
