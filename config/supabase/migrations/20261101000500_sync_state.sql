-- What the sync protocol keeps of every row: its version, the transaction that last touched it, who may see it.
-- Filled by AFTER row triggers, so that edits made in Studio, by SQL or by another client are caught too.
--
-- * One row of `row_state` per row that is or ever was; a deleted one keeps its last scopes: that is its tombstone.
-- * A row that leaves a scope leaves a notice for it in `scope_exit`, under the transaction that did it.
-- * `xid` is a 64-bit transaction id: the cursor of a pull is a snapshot, so a transaction that began first and
--   commits last is never missed, and the counter never wraps.
-- * The scopes of a drone depend on its assignments. They are read again whenever one of those changes, after the
--   drone's row was locked in an earlier statement (the rules do that), so two writers cannot each miss the other.
-- * Nothing here is readable by the API's roles: contents come from the tables under row-level security.

set local client_min_messages = warning;
-- Booking the rows that are there takes some seconds for each hundred thousand.
set local statement_timeout = 0;

create schema if not exists sync;
comment on schema sync is 'FlyOS Console: versions, tombstones, idempotency. Not exposed through the API.';
revoke all on schema sync from public;
grant usage on schema sync to authenticated;

create table if not exists sync.row_state (
    tbl text collate "C" not null,
    pk text collate "C" not null,
    ver bigint not null,
    xid xid8 not null,
    deleted boolean not null default false,
    -- Sorted and distinct.
    scopes text[] not null,
    -- Who wrote it last (a `profiles.id`; null for administrators), and when.
    by uuid,
    at timestamptz not null default now(),
    -- The edit that wrote it last, where one did.
    op uuid,
    primary key (tbl, pk)
) with (fillfactor = 85);
create index if not exists row_state_xid on sync.row_state (xid, tbl, pk);
create index if not exists row_state_tombstones on sync.row_state (at) where deleted;

create table if not exists sync.scope_exit (
    tbl text collate "C" not null,
    pk text collate "C" not null,
    scope text collate "C" not null,
    xid xid8 not null,
    at timestamptz not null default now(),
    primary key (tbl, pk, scope)
);
create index if not exists scope_exit_xid on sync.scope_exit (xid, tbl, pk);
create index if not exists scope_exit_at on sync.scope_exit (at);

-- Edits that were answered for good. The `result` of one that got in is kept for 30 days, the rest for ever.
create table if not exists sync.applied_op (
    op_id uuid primary key,
    -- The account that sent it, and from which device.
    user_id uuid not null,
    device uuid not null,
    -- sha256 of the edit: the same id with other contents is another edit.
    hash bytea not null,
    code text,
    v bigint,
    result jsonb,
    at timestamptz not null default now()
);
create index if not exists applied_op_results on sync.applied_op (at)
    where result is not null and code in ('applied', 'merged', 'noop');

create table if not exists sync.meta (
    -- There is one row.
    one boolean primary key default true check (one),
    epoch uuid not null default gen_random_uuid(),
    -- Cursors older than this must load anew: notices from before were dropped.
    min_xid xid8 not null default '0',
    -- The wire shapes this server speaks, and the oldest client it still answers.
    schema_ver int not null default 1,
    min_client int not null default 1
);
insert into sync.meta default values on conflict do nothing;

-- One row, never written again: which transaction wrote it tells these rows from ones that a backup put back in the
-- same place.
create table if not exists sync.birth (one boolean primary key default true check (one));
insert into sync.birth default values on conflict do nothing;

-- What each device last said of itself.
create table if not exists sync.device (
    -- A `profiles.id`.
    user_id uuid not null references public.profiles (id) on delete cascade,
    device uuid not null,
    waiting int not null,
    oldest_s int not null,
    needs_you int not null,
    version text not null,
    at timestamptz not null default now(),
    primary key (user_id, device)
);

-- One row per transaction that has something to tell, gone when it has told.
create table if not exists sync.telling (xid xid8 primary key);

alter table sync.row_state enable row level security;
alter table sync.scope_exit enable row level security;
alter table sync.applied_op enable row level security;
alter table sync.meta enable row level security;
alter table sync.birth enable row level security;
alter table sync.device enable row level security;
alter table sync.telling enable row level security;

create or replace function sync.sorted(scopes text[]) returns text[]
language sql immutable parallel safe set search_path = '' as $$
    select coalesce(array_agg(distinct s collate "C" order by s collate "C"), '{}')
    from unnest(scopes) s where s is not null
$$;

-- The scopes of the caller: who sees a row is whose scopes meet the row's.
create or replace function sync.my_scopes() returns text[]
language plpgsql stable security definer set search_path = '' as $$
begin
    return (
        select case c.role
            when 'MAIN_HQ' then array['*']
            when 'REGIONAL_HQ' then array_remove(array['m:' || c.region_id, 'r:' || c.region_id, 'u:' || c.user_id], null)
            when 'OPERATOR' then array_remove(array['m:' || c.region_id, 'u:' || c.user_id], null)
            else '{}'
        end from flyos.caller() c
    );
end
$$;

-- Who sees a row: said once, for the triggers and for `sync.repair`. Sorted, like every list of scopes.
create or replace function sync.region_scopes(p_id uuid) returns text[] language sql immutable parallel safe
    return array['m:' || p_id, 'r:' || p_id];

-- Of what is in a region, or in none, and a user's: a profile (its own), an assignment (in its drone's region).
create or replace function sync.member_scopes(p_region uuid, p_user uuid) returns text[]
language sql immutable parallel safe
    return array_remove(array['r:' || p_region, 'u:' || p_user], null);

-- The scopes of a drone as it and its assignments are now; null where it is gone. VOLATILE: it must see what was
-- committed while its caller waited for the drone's lock. It reads the drone itself: a trigger's NEW is old by the
-- time it gets here, where a cascade of the same statement has cleared the operator.
create or replace function sync.drone_scopes(p_id text) returns text[]
language sql volatile security definer set search_path = '' set enable_seqscan = off as $$
    select sync.sorted(array['r:' || d.region_id, 'u:' || d.operator_id]
        || array(select 'u:' || a.user_id from public.user_drone_assignments a where a.drone_id = p_id))
    from public.drones d where d.id = p_id
$$;

-- Remembers whom to nudge when this transaction ends: the scopes in a setting of the transaction, and one row whose
-- deferred trigger does it. More than twenty are told as one.
create or replace function sync.tell(scopes text[]) returns void
language plpgsql security definer set search_path = '' as $$
declare
    told text := coalesce(current_setting('flyos.told', true), '');
    scope text;
begin
    if told = 'all' then
        return;
    end if;
    if told = '' then
        insert into sync.telling values (pg_current_xact_id()) on conflict do nothing;
        told := ' * ';
    end if;
    foreach scope in array scopes loop
        if position(' ' || scope || ' ' in told) = 0 then
            told := told || scope || ' ';
        end if;
    end loop;
    if length(told) > 40 * 20 and array_length(string_to_array(btrim(told), ' '), 1) > 20 then
        told := 'all';
    end if;
    if told is distinct from current_setting('flyos.told', true) then
        perform set_config('flyos.told', told, true);
    end if;
end
$$;

-- At the end of the transaction: one nudge per scope, without data. Delivery is not promised, and nothing that goes
-- wrong here may undo what was written.
create or replace function sync.tell_now() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
    told text := coalesce(nullif(current_setting('flyos.told', true), ''), '*');
    scope text;
begin
    delete from sync.telling t where t.xid = new.xid;
    -- Told before the end (`set constraints all immediate`), the rest of the transaction begins anew.
    perform set_config('flyos.told', '', true);
    begin
        foreach scope in array string_to_array(btrim(told), ' ') loop
            perform realtime.send('{}'::jsonb, 'nudge', 'sync:' || scope, true);
        end loop;
    exception when others then
        raise warning 'flyos: nobody was nudged: %', sqlerrm;
    end;
    return null;
end
$$;

drop trigger if exists flyos_tell on sync.telling;
create constraint trigger flyos_tell after insert on sync.telling deferrable initially deferred
    for each row execute function sync.tell_now();

-- How many rows the answer to an edit lists at most, of those that followed from it. A client asks the list only
-- whether there is something to wait for, and keeps it with the edit: the whole of it would be half a megabyte.
create or replace function sync.effects_max() returns int language sql immutable parallel safe return 100;

-- Which edit of a push writes a row of this key, and why: `id reason`, or null for what is no edit's. The push sets
-- `flyos.edits`, a line for each: `key<tab>id reason`, with `*` for the one that writes whatever is written.
create or replace function sync.edit_of(p_pk text) returns text
language plpgsql stable set search_path = '' as $$
declare
    edits text := coalesce(current_setting('flyos.edits', true), '');
begin
    return case when edits = '' then null when left(edits, 1) = '*' then substr(edits, 3)
        else nullif(split_part(split_part(E'\n' || edits, E'\n' || p_pk || E'\t', 2), E'\n', 1), '') end;
end
$$;

-- Remembers that the edit of this moment wrote a row: so many as its answer may list, and its own. The push sets
-- `flyos.noted` to an empty list for an edit from which rows may follow. A list that is full ends with a blank: then there
-- is nothing to read.
create or replace function sync.note(p_tbl text, p_pk text) returns void
language plpgsql security definer set search_path = '' as $$
declare
    noted jsonb := current_setting('flyos.noted')::jsonb;
begin
    if not noted ? (p_tbl || ' ' || p_pk) then
        noted := noted || to_jsonb(p_tbl || ' ' || p_pk);
        perform set_config('flyos.noted', noted::text
            || case when jsonb_array_length(noted) > sync.effects_max() then ' ' else '' end, true);
    end if;
end
$$;

-- Books a row that was written: version, transaction, scopes, exits. `p_scopes` null keeps those it has. With
-- `p_written` false only the scopes may have changed (a drone's assignment moved with it): no version where they
-- did not.
create or replace function sync.touch(p_tbl text, p_pk text, p_scopes text[], p_deleted boolean, p_written boolean)
returns void
language plpgsql security definer set search_path = '' set enable_seqscan = off as $$
<<touch>>
declare
    old record;
    scopes text[];
    op uuid := left(sync.edit_of(p_pk), 36)::uuid;
    listed constant boolean := coalesce(right(current_setting('flyos.noted', true), 1) = ']', false);
    told constant boolean := coalesce(current_setting('flyos.told', true) = 'all', false);
begin
    -- The common case: a row was written that stays where it is.
    if p_scopes is null and not p_deleted then
        update sync.row_state s set ver = s.ver + 1, xid = pg_current_xact_id(), by = (flyos.writer()).user_id,
            at = now(), op = touch.op
        where s.tbl = p_tbl and s.pk = p_pk and not s.deleted returning s.scopes into scopes;
        if found then
            if listed then
                perform sync.note(p_tbl, p_pk);
            end if;
            if not told then
                perform sync.tell(scopes);
            end if;
            return;
        end if;
    end if;
    select s.scopes, s.deleted into old from sync.row_state s where s.tbl = p_tbl and s.pk = p_pk for update;
    if not found then
        insert into sync.row_state as s (tbl, pk, ver, xid, deleted, scopes, by, op)
        values (p_tbl, p_pk, 1, pg_current_xact_id(), p_deleted, coalesce(p_scopes, '{}'), (flyos.writer()).user_id, op)
        -- Of two that make the same row at once, the second waited at the row itself: this cannot meet another's.
        on conflict (tbl, pk) do update set ver = s.ver + 1, xid = excluded.xid, deleted = excluded.deleted,
            scopes = excluded.scopes, by = excluded.by, op = excluded.op, at = now();
        if listed then
            perform sync.note(p_tbl, p_pk);
        end if;
        perform sync.tell(coalesce(p_scopes, '{}'));
        return;
    end if;
    -- A deleted row keeps the scopes it had: they say who must hear of it.
    scopes := case when p_deleted then old.scopes else coalesce(p_scopes, old.scopes) end;
    if not p_written and scopes = old.scopes and old.deleted = p_deleted then
        return;
    end if;
    update sync.row_state s set ver = s.ver + 1, xid = pg_current_xact_id(), deleted = p_deleted, scopes = touch.scopes,
        by = case when p_written then (flyos.writer()).user_id else s.by end,
        at = case when p_written then now() else s.at end, op = case when p_written then touch.op else s.op end
    where s.tbl = p_tbl and s.pk = p_pk;
    if listed and p_written then
        perform sync.note(p_tbl, p_pk);
    end if;
    if scopes <> old.scopes then
        insert into sync.scope_exit as e (tbl, pk, scope, xid)
        select p_tbl, p_pk, x, pg_current_xact_id() from unnest(old.scopes) x where x <> all (touch.scopes)
        on conflict (tbl, pk, scope) do update set xid = excluded.xid, at = now();
        delete from sync.scope_exit e where e.tbl = p_tbl and e.pk = p_pk and e.scope = any (touch.scopes);
    end if;
    perform sync.tell(old.scopes);
    if scopes <> old.scopes then
        perform sync.tell(scopes);
    end if;
end
$$;

create or replace function sync.touch_region() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    if tg_op = 'DELETE' then
        perform sync.touch('regions', old.id::text, null, true, true);
    elsif tg_op = 'INSERT' then
        perform sync.touch('regions', new.id::text, sync.region_scopes(new.id), false, true);
    elsif new is distinct from old then
        perform sync.touch('regions', new.id::text, null, false, true);
    end if;
    return null;
end
$$;

create or replace function sync.touch_profile() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    if tg_op = 'DELETE' then
        perform sync.touch('profiles', old.id::text, null, true, true);
    elsif tg_op = 'INSERT' or new.region_id is distinct from old.region_id then
        perform sync.touch('profiles', new.id::text, sync.member_scopes(new.region_id, new.id), false, true);
    elsif new is distinct from old then
        perform sync.touch('profiles', new.id::text, null, false, true);
    end if;
    return null;
end
$$;

create or replace function sync.touch_drone() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    if tg_op = 'DELETE' then
        perform sync.touch('drones', old.id, null, true, true);
    elsif tg_op = 'INSERT' or new.region_id is distinct from old.region_id
        or new.operator_id is distinct from old.operator_id then
        perform sync.touch('drones', new.id, sync.drone_scopes(new.id), false, true);
        if tg_op = 'UPDATE' and new.region_id is distinct from old.region_id then
            perform sync.touch('user_drone_assignments', a.user_id || ':' || a.drone_id,
                sync.member_scopes(new.region_id, a.user_id), false, false)
            from public.user_drone_assignments a where a.drone_id = new.id order by a.user_id;
        end if;
    elsif new is distinct from old then
        perform sync.touch('drones', new.id, null, false, true);
    end if;
    return null;
end
$$;

create or replace function sync.touch_assignment() returns trigger
language plpgsql security definer set search_path = '' set enable_seqscan = off as $$
declare
    region uuid;
    row_drone text := case when tg_op = 'DELETE' then old.drone_id else new.drone_id end;
begin
    select d.region_id into region from public.drones d where d.id = row_drone;
    if tg_op = 'DELETE' then
        perform sync.touch('user_drone_assignments', old.user_id || ':' || old.drone_id, null, true, true);
    elsif tg_op = 'INSERT' then
        perform sync.touch('user_drone_assignments', new.user_id || ':' || new.drone_id,
            sync.member_scopes(region, new.user_id), false, true);
    end if;
    -- The drone itself may be going: then there is nothing to see of it.
    if exists (select from public.drones d where d.id = row_drone) then
        perform sync.touch('drones', row_drone, sync.drone_scopes(row_drone), false, false);
    end if;
    return null;
end
$$;

do $$
declare
    t record;
begin
    for t in select * from (values ('regions', 'region'), ('profiles', 'profile'), ('drones', 'drone'),
        ('user_drone_assignments', 'assignment')) as t (tbl, name)
    loop
        execute format('drop trigger if exists flyos_4_touch on public.%I', t.tbl);
        execute format('create trigger flyos_4_touch after insert or update or delete on public.%I
            for each row execute function sync.touch_%s()', t.tbl, t.name);
    end loop;
end
$$;

-- Books what the triggers did not see: rows from before them, and what was written while they were disabled. A
-- digest finds such rows; this heals them. Returns how many it booked. Whoever writes waits meanwhile: what is
-- compared must not move.
create or replace function sync.repair() returns bigint
language plpgsql security definer set search_path = '' as $$
declare
    n bigint;
    stale record;
begin
    lock table public.regions, public.profiles, public.drones, public.user_drone_assignments
        in share row exclusive mode;
    create temp table if not exists flyos_truth (tbl text collate "C", pk text collate "C", scopes text[]) on commit drop;
    delete from pg_temp.flyos_truth;
    insert into pg_temp.flyos_truth
    select 'regions', r.id::text, sync.region_scopes(r.id) from public.regions r
    union all
    select 'profiles', p.id::text, sync.member_scopes(p.region_id, p.id) from public.profiles p
    union all
    select 'drones', d.id, sync.sorted(array['r:' || d.region_id, 'u:' || d.operator_id] || h.holders)
    from public.drones d left join (select a.drone_id, array_agg('u:' || a.user_id) as holders
        from public.user_drone_assignments a group by 1) h on h.drone_id = d.id
    union all
    select 'user_drone_assignments', a.user_id || ':' || a.drone_id,
        sync.member_scopes(d.region_id, a.user_id)
    from public.user_drone_assignments a left join public.drones d on d.id = a.drone_id;
    insert into sync.row_state (tbl, pk, ver, xid, scopes)
    select t.tbl, t.pk, 1, pg_current_xact_id(), t.scopes from pg_temp.flyos_truth t
    on conflict (tbl, pk) do nothing;
    get diagnostics n = row_count;
    for stale in
        select s.tbl, s.pk, t.scopes, t.pk is null as gone
        from sync.row_state s left join pg_temp.flyos_truth t on t.tbl = s.tbl and t.pk = s.pk
        where (t.pk is null) <> s.deleted or (t.pk is not null and t.scopes <> s.scopes)
    loop
        perform sync.touch(stale.tbl, stale.pk, stale.scopes, stale.gone, true);
        n := n + 1;
    end loop;
    -- Pages are planned by these figures, and a table that was filled at once has none yet.
    analyze sync.row_state;
    return n;
end
$$;

select sync.repair();

revoke all on all tables in schema sync from public, anon, authenticated;
revoke execute on all functions in schema sync from public;
grant execute on function sync.my_scopes() to authenticated;
