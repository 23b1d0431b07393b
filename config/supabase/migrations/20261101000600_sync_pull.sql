-- Pulls: what a caller's copy lacks, in pages. The shapes are the sync protocol's; a STABLE function sees one
-- snapshot over all tables, and one jsonb as the answer is not cut at 1000 rows.
--
-- * Contents come from the tables under the caller's row-level security; scopes choose the candidates and authorise
--   notices that hold an id alone.
-- * A cursor is a claim of the caller: it chooses what is sent next, never what may be seen. It is checked whole,
--   and one that was made up gets PT400.
-- * Incremental: rows and exits whose transaction `base` does not see and `target` does, by (xid, tbl, pk): one bulk
--   update is one transaction with many rows. Bulk: rows of whole scopes by (table, key), parents first; what
--   changes behind the reader comes with the incremental pages from the `base` taken before.
-- * Answers are put together as text (`json`): a tree (`jsonb`) of all rows would be built only to be written out, which
--   takes longer than the rest of a page.
-- * JIT is off: it made one page cost a second. Pages are put together row by row, by key: hash and merge joins are
--   off there, since a plan that reads a whole table for one page costs ten times the page.

set local client_min_messages = warning;

-- Tells apart these rows from their restored backup or clone, where transaction ids turn back or rows do: another
-- machine, another timeline of this one, another database of this cluster, or the same database with its rows put
-- back in. Where a disk was turned back by other means, an administrator gives `sync.meta` a new epoch.
create or replace function sync.epoch() returns uuid
language plpgsql stable security definer set search_path = '' as $$
declare
    told text;
begin
    select m.epoch || ':' || b.xmin || ':' || d.oid into told
    from sync.meta m, sync.birth b, pg_database d where d.datname = current_database();
    begin
        -- What the control file says of the timeline is old until the first checkpoint after a promotion.
        told := told || ':' || (select s.system_identifier from pg_control_system() s) || ':' || case
            when pg_is_in_recovery() then (select lpad(to_hex(c.timeline_id), 8, '0') from pg_control_checkpoint() c)
            else lower(left(pg_walfile_name(pg_current_wal_lsn()), 8)) end;
    exception when insufficient_privilege then
        null;
    end;
    return md5(told)::uuid;
end
$$;

-- The snapshot that a cursor starts from. A standby's lists no transactions in progress, so everything from its
-- oldest on is left for the next pull.
create or replace function sync.horizon() returns pg_snapshot
language sql stable set search_path = '' as $$
    select case when pg_is_in_recovery()
        then (pg_snapshot_xmin(s) || ':' || pg_snapshot_xmin(s) || ':')::pg_snapshot else s end
    from pg_current_snapshot() s
$$;

-- What both a cursor's snapshot and a standby's horizon see. A standby that is behind the server a cursor comes from
-- has not got all of it: the cursor steps back, and the rest comes again in its turn.
create or replace function sync.meet(p_cursor pg_snapshot, p_horizon pg_snapshot) returns pg_snapshot
language sql immutable strict parallel safe set search_path = '' as $$
    select case when pg_snapshot_xmax(p_cursor) <= pg_snapshot_xmin(p_horizon) then p_cursor else
        (least(pg_snapshot_xmin(p_cursor), pg_snapshot_xmin(p_horizon)) || ':' || pg_snapshot_xmin(p_horizon) || ':'
            || coalesce((select string_agg(x::text, ',' order by x) from pg_snapshot_xip(p_cursor) x
                where x < pg_snapshot_xmin(p_horizon)), ''))::pg_snapshot end
$$;

-- For how long the oldest transaction that the snapshot still waits for has been running, in milliseconds.
create or replace function sync.horizon_age_ms(p_base pg_snapshot) returns bigint
language sql stable security definer set search_path = '' as $$
    select case when pg_snapshot_xmin(p_base) = pg_snapshot_xmax(p_base) then 0 else coalesce((
        select max(extract(epoch from clock_timestamp() - a.xact_start) * 1000)::bigint
        from pg_stat_activity a where a.backend_xid is not null and a.pid <> pg_backend_pid()), 0) end
$$;

-- The word for who may not work, or null.
create or replace function sync.must(p_schema int) returns text
language plpgsql stable security definer set search_path = '' as $$
begin
    return (
        select coalesce(c.must, case when p_schema is null or p_schema not between m.min_client and m.schema_ver
            then 'schema_old' end)
        from flyos.caller() c, sync.meta m
    );
end
$$;

create or replace function sync.fault(code text, message text) returns void
language plpgsql immutable set search_path = '' as $$
begin
    raise exception using errcode = code, message = message;
end
$$;

-- Reads a cursor, or says what is wrong with it.
create or replace function sync.read_cursor(p jsonb) returns jsonb
language plpgsql immutable set search_path = '' as $$
declare
    wrong constant text := 'The cursor is not one of this server: ';
    bulk jsonb := p -> 'bulk';
    after jsonb := p -> 'after';
    snapshot text;
begin
    if jsonb_typeof(p) <> 'object' or octet_length(p::text) > 65536 then
        perform sync.fault('PT400', wrong || 'it is no object, or too long.');
    end if;
    if exists (select from jsonb_object_keys(p) k
            where k not in ('epoch', 'base', 'target', 'after', 'scopes', 'bulk')) then
        perform sync.fault('PT400', wrong || 'it holds unknown fields.');
    end if;
    if coalesce(p ->> 'epoch', '') !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        perform sync.fault('PT400', wrong || 'epoch is no uuid.');
    end if;
    foreach snapshot in array array[p ->> 'base', coalesce(p ->> 'target', p ->> 'base')] loop
        begin
            perform snapshot::pg_snapshot;
        exception when others then
            snapshot := null;
        end;
        if snapshot is null then
            perform sync.fault('PT400', wrong || 'base or target is no snapshot.');
        end if;
    end loop;
    if after is not null and (p -> 'target' is null or jsonb_typeof(after) <> 'array' or jsonb_array_length(after) <> 3
            or jsonb_typeof(after -> 0) <> 'string' or (after ->> 0) !~ '^[0-9]{1,19}$'
            or jsonb_typeof(after -> 1) <> 'string'
            or jsonb_typeof(after -> 2) <> 'string') then
        perform sync.fault('PT400', wrong || 'after is no place in a window it names.');
    end if;
    if not sync.are_scopes(p -> 'scopes') then
        perform sync.fault('PT400', wrong || 'scopes are at most 16 texts.');
    end if;
    if bulk is not null and (jsonb_typeof(bulk) <> 'object' or not sync.are_scopes(bulk -> 'scopes')
            or exists (select from jsonb_object_keys(bulk) k where k not in ('scopes', 'after', 'done', 'total'))
            or jsonb_typeof(bulk -> 'done') is distinct from 'number' or (bulk ->> 'done') !~ '^[0-9]{1,15}$'
            or jsonb_typeof(bulk -> 'total') is distinct from 'number' or (bulk ->> 'total') !~ '^[0-9]{1,15}$'
            or (bulk -> 'after' is not null and (jsonb_typeof(bulk -> 'after') <> 'array'
                or jsonb_array_length(bulk -> 'after') <> 2
                or not coalesce(bulk -> 'after' ->> 0, '') = any (sync.tables())
                or jsonb_typeof(bulk -> 'after' -> 1) <> 'string'))) then
        perform sync.fault('PT400', wrong || 'bulk is no place in a load.');
    end if;
    return p;
end
$$;

-- The tables, parents before children.
create or replace function sync.tables() returns text[] language sql immutable parallel safe
    return array['regions', 'profiles', 'drones', 'user_drone_assignments'];

create or replace function sync.are_scopes(p jsonb) returns boolean
language sql immutable parallel safe set search_path = '' as $$
    select case when jsonb_typeof(p) = 'array' then jsonb_array_length(p) <= 16
        and not exists (select from jsonb_array_elements(p) s where jsonb_typeof(s) <> 'string') else false end
$$;

create or replace function sync.texts(p jsonb) returns text[]
language sql immutable parallel safe set search_path = '' as $$
    select coalesce(array_agg(t order by n), '{}') from jsonb_array_elements_text(p) with ordinality as x (t, n)
$$;

-- Candidates of a load: the keys of one table that some scopes hold, by key. Scopes that are not the caller's are
-- passed over. A row that triggers never saw has no version: it is counted, and not sent.
create or replace function sync.load(p_tbl text, p_scopes text[], p_after text, p_limit int)
returns table (pk text, ver bigint, scopes text[])
language plpgsql stable security definer set search_path = '' set jit = off
    set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    scopes_of text[] := array(select s from unnest(p_scopes) s where s = any (sync.my_scopes()));
    regions uuid[] := array(select substr(s, 3)::uuid from unnest(scopes_of) s where s like 'r:%');
    homes uuid[] := array(select substr(s, 3)::uuid from unnest(scopes_of) s where s like 'r:%' or s like 'm:%');
    users uuid[] := array(select substr(s, 3)::uuid from unnest(scopes_of) s where s like 'u:%');
    candidates text[];
begin
    if '*' = any (scopes_of) then
        return query select s.pk::text, s.ver, s.scopes from sync.row_state s
            where s.tbl = p_tbl and s.pk > p_after collate "C" and not s.deleted order by s.pk limit p_limit;
        return;
    elsif p_tbl = 'regions' then
        return query select s.pk::text, s.ver, s.scopes from sync.row_state s
            where s.tbl = p_tbl and s.pk = any (array(select h::text from unnest(homes) h))
                and s.pk > p_after collate "C" and not s.deleted order by s.pk limit p_limit;
        return;
    elsif p_tbl = 'profiles' then
        candidates := array(select c.id from (
                select p.id::text collate "C" as id from public.profiles p where p.region_id = any (regions)
                union select p.id::text from public.profiles p where p.id = any (users)
            ) c where c.id > p_after collate "C" order by c.id limit p_limit);
    elsif p_tbl = 'drones' then
        candidates := array(select c.id from (
                select d.id collate "C" as id from public.drones d where d.region_id = any (regions)
                union select d.id from public.drones d where d.operator_id = any (users)
                union select a.drone_id from public.user_drone_assignments a where a.user_id = any (users)
            ) c where c.id > p_after collate "C" order by c.id limit p_limit);
    else
        candidates := array(select c.id from (
                select (a.user_id || ':' || a.drone_id) collate "C" as id
                from public.drones d join public.user_drone_assignments a on a.drone_id = d.id
                where d.region_id = any (regions)
                union select a.user_id || ':' || a.drone_id from public.user_drone_assignments a
                where a.user_id = any (users)
            ) c where c.id > p_after collate "C" order by c.id limit p_limit);
    end if;
    -- Keys first, then their states one by one: no statistics can make that a bad plan.
    return query select c.id, s.ver, s.scopes from unnest(candidates) with ordinality as c (id, n)
        left join sync.row_state s on s.tbl = p_tbl and s.pk = c.id collate "C" and not s.deleted order by c.n;
end
$$;

-- A load from its beginning, with how many rows it will bring.
create or replace function sync.begin_load(p_scopes text[]) returns jsonb
language sql stable security definer set search_path = '' set jit = off as $$
    select jsonb_build_object('scopes', to_jsonb(p_scopes), 'done', 0, 'total', case
        when '*' = any (p_scopes) then (select count(*) from sync.row_state s where not s.deleted)
        else (select sum(n) from unnest(sync.tables()) t,
            lateral (select count(*) as n from sync.load(t, p_scopes, '', null)) c) end)
$$;

-- Candidates of a window: rows and exits the caller is told of, in order.
create or replace function sync.window(p_base pg_snapshot, p_target pg_snapshot, p_xid xid8, p_tbl text, p_pk text,
    p_limit int)
returns table (xid xid8, tbl text, pk text, ver bigint, k text, scopes text[])
language plpgsql stable security definer set search_path = '' set jit = off rows 2000 as $$
#variable_conflict use_column
declare
    mine text[] := sync.my_scopes();
    -- One lower bound, that of the index: with two, the planner may take the other and read everything.
    first_xid xid8 := case when p_xid = '0'::xid8 then pg_snapshot_xmin(p_base) else p_xid end;
begin
    return query select * from (
        (select s.xid, s.tbl::text, s.pk::text, s.ver, case when s.deleted then 'del' else 'row' end, s.scopes
        from sync.row_state s
        where (s.xid, s.tbl, s.pk) > (first_xid, p_tbl collate "C", p_pk collate "C")
            and s.xid < pg_snapshot_xmax(p_target)
            and not pg_visible_in_snapshot(s.xid, p_base) and pg_visible_in_snapshot(s.xid, p_target)
            and (mine = array['*'] or s.scopes && mine)
        order by s.xid, s.tbl, s.pk limit p_limit)
        union all
        (select distinct on (e.xid, e.tbl, e.pk) e.xid, e.tbl::text, e.pk::text, s.ver, 'exit', null::text[]
        from sync.scope_exit e join sync.row_state s using (tbl, pk)
        where (e.xid, e.tbl, e.pk) > (first_xid, p_tbl collate "C", p_pk collate "C")
            and e.xid < pg_snapshot_xmax(p_target)
            and not pg_visible_in_snapshot(e.xid, p_base) and pg_visible_in_snapshot(e.xid, p_target)
            and e.scope = any (mine) and not s.scopes && mine
        order by e.xid, e.tbl, e.pk limit p_limit)
    ) q (xid, tbl, pk, ver, k, scopes)
    order by xid, tbl collate "C", pk collate "C" limit p_limit;
end
$$;

create or replace function public.sync_pull(cursor jsonb, limit_rows int, limit_bytes int, schema int) returns json
language plpgsql stable security invoker set search_path = '' set jit = off set timezone = 'UTC' as $$
declare
    word text := sync.must(sync_pull.schema);
    mine text[];
    here pg_snapshot;
    base pg_snapshot;
    target pg_snapshot;
    place jsonb;
    bulk jsonb;
    epoch uuid := sync.epoch();
    had text[];
    added text[];
    rows_left int := least(limit_rows, 2000);
    bytes_left int := least(limit_bytes, 1048576);
    -- With commas between, and how many.
    changes text;
    n int := 0;
    part record;
    tbl text;
    more boolean := false;
    progress jsonb;
    fresh boolean;
begin
    if word is not null then
        return jsonb_build_object('must', word);
    end if;
    if coalesce(limit_rows, 0) < 1 or coalesce(limit_bytes, 0) < 1 then
        perform sync.fault('PT400', 'A page must have room for at least one row.');
    end if;
    mine := sync.my_scopes();
    here := sync.horizon();
    if cursor is null or jsonb_typeof(cursor) = 'null' then
        base := here;
        bulk := sync.begin_load(mine);
    else
        cursor := sync.read_cursor(cursor);
        base := (cursor ->> 'base')::pg_snapshot;
        target := (cursor ->> 'target')::pg_snapshot;
        place := cursor -> 'after';
        bulk := cursor -> 'bulk';
        if (cursor ->> 'epoch')::uuid <> epoch then
            return jsonb_build_object('must', 'resync', 'why', 'epoch');
        elsif greatest(pg_snapshot_xmax(base), pg_snapshot_xmax(coalesce(target, base))) > pg_snapshot_xmax(here)
            and not pg_is_in_recovery() then
            return jsonb_build_object('must', 'resync', 'why', 'ahead');
        elsif pg_snapshot_xmin(base) < (select sync.min_xid()) then
            return jsonb_build_object('must', 'resync', 'why', 'too_old');
        end if;
        if pg_is_in_recovery() then
            base := sync.meet(base, here);
            target := sync.meet(target, here);
        end if;
        had := sync.texts(cursor -> 'scopes');
        if had <> mine then
            added := array(select s from unnest(mine) s where s <> all (had));
            -- Added scopes are loaded whole, with what was still being loaded; the window is read again from its
            -- base, since what it passed over may be visible now.
            bulk := (select case when count(*) > 0 then sync.begin_load(array_agg(s order by s collate "C")) end from (
                select s from unnest(added) s
                union select s from unnest(sync.texts(coalesce(bulk -> 'scopes', '[]'))) s where s = any (mine)) l);
            return jsonb_build_object(
                'scope', jsonb_build_object('now', to_jsonb(mine), 'added', to_jsonb(added),
                    'removed', to_jsonb(array(select s from unnest(had) s where s <> all (mine)))),
                'cursor', jsonb_strip_nulls(jsonb_build_object('epoch', epoch, 'base', base::text,
                    'scopes', to_jsonb(mine), 'bulk', bulk)));
        end if;
    end if;

    if bulk is not null then
        foreach tbl in array sync.tables() loop
            continue when array_position(sync.tables(), tbl) < array_position(sync.tables(), bulk -> 'after' ->> 0);
            select * into part from sync.page_of_load(tbl, sync.texts(bulk -> 'scopes'),
                case when bulk -> 'after' ->> 0 = tbl then bulk -> 'after' ->> 1 else '' end, mine,
                rows_left, bytes_left, n = 0);
            changes := coalesce(changes || ',' || part.changes, changes, part.changes);
            n := n + part.n;
            rows_left := rows_left - part.n;
            bytes_left := bytes_left - part.bytes;
            bulk := jsonb_set(bulk, '{done}', to_jsonb((bulk ->> 'done')::bigint + part.n));
            if part.last is not null then
                bulk := jsonb_set(bulk, '{after}', jsonb_build_array(tbl, part.last));
            end if;
            more := part.more;
            exit when more;
        end loop;
        progress := jsonb_build_object('done', bulk -> 'done', 'total',
            case when more then greatest((bulk ->> 'total')::bigint, (bulk ->> 'done')::bigint)
                else (bulk ->> 'done')::bigint end);
        if not more then
            bulk := null;
            more := base::text <> here::text;
        end if;
    else
        fresh := target is null;
        target := coalesce(target, here);
        select * into part from sync.page_of_window(base, target, place, mine, rows_left, bytes_left);
        changes := part.changes;
        if part.more then
            place := part.last;
            more := true;
        else
            base := target;
            more := not fresh and base::text <> here::text;
            target := null;
            place := null;
        end if;
    end if;

    return (select json_build_object(
        'changes', ('[' || coalesce(changes, '') || ']')::json,
        'cursor', jsonb_strip_nulls(jsonb_build_object('epoch', epoch, 'base', base::text, 'target', target::text,
            'after', place, 'scopes', to_jsonb(mine), 'bulk', bulk)),
        'more', more, 'progress', progress, 'uid', auth.uid(), 'user', c.user_id, 'role', c.role,
        'region', c.region_id, 'server_time', clock_timestamp(), 'horizon_age_ms', sync.horizon_age_ms(base))
        from flyos.caller() c);
end
$$;

create or replace function sync.min_xid() returns xid8
language sql stable security definer set search_path = '' as $$ select m.min_xid from sync.meta m $$;

-- A row as it stands on the wire, under the caller's row-level security; null where it cannot be seen.
create or replace function sync.seen_row(p_tbl text, p_pk text) returns jsonb
language plpgsql stable security invoker set search_path = '' as $$
declare
    seen jsonb;
begin
    if p_tbl = 'drones' then
        select to_jsonb(x) into seen from (select id, model, status, region_id, operator_id, created_at, updated_at
            from public.drones where id = p_pk) x;
    elsif p_tbl = 'profiles' then
        select to_jsonb(x) into seen from (select id, username, full_name, email, role, region_id, status,
            auth_user_id, created_at, updated_at from public.profiles where id = p_pk::uuid) x;
    elsif p_tbl = 'regions' then
        select to_jsonb(x) into seen from (select id, name, area, commander_name, status, created_at, updated_at
            from public.regions where id = p_pk::uuid) x;
    else
        select to_jsonb(x) into seen from (select user_id, drone_id, assigned_at from public.user_drone_assignments
            where user_id = split_part(p_pk, ':', 1)::uuid
                and drone_id = substr(p_pk, 38)) x;
    end if;
    return seen;
end
$$;

-- What one change costs on the wire besides its row, about, in bytes.
create or replace function sync.overhead() returns int language sql immutable parallel safe return 120;

-- One change as it stands on the wire.
create or replace function sync.change(p_tbl text, p_pk text, p_ver bigint, p_kind text, p_row text, p_scopes text)
returns text language sql stable parallel safe
    return '{"t":"' || p_tbl || '","pk":' || to_json(p_pk) || ',"v":' || p_ver || ',"k":"' || p_kind || '"'
        || case when p_kind = 'row' then ',"row":' || p_row || ',"scopes":' || p_scopes else '' end || '}';

create or replace function sync.page_of_load(p_tbl text, p_scopes text[], p_after text, p_mine text[],
    p_rows int, p_bytes int, p_first boolean, out changes text, out n int, out bytes int, out last text, out more boolean)
language plpgsql stable security invoker set search_path = '' set enable_hashjoin = off set enable_mergejoin = off
    set jit = off set timezone = 'UTC' as $$
declare
    source text;
begin
    if p_rows < 1 then
        n := 0; bytes := 0; more := exists (select from sync.load(p_tbl, p_scopes, p_after, 1));
        return;
    end if;
    source := case p_tbl
        when 'regions' then 'select row_to_json(x)::text as j from (select id, name, area, commander_name,
            status, created_at, updated_at from public.regions) x where x.id = c.id'
        when 'profiles' then 'select row_to_json(x)::text as j from (select id, username, full_name, email, role,
            region_id, status, auth_user_id, created_at, updated_at from public.profiles) x where x.id = c.id'
        when 'drones' then 'select row_to_json(x)::text as j from (select id, model, status, region_id, operator_id,
            created_at, updated_at from public.drones) x where x.id = c.pk'
        else 'select row_to_json(x)::text as j from (select user_id, drone_id, assigned_at
            from public.user_drone_assignments) x where x.user_id = c.id and x.drone_id = c.drone'
    end;
    -- The parts of the key are made beforehand: compared with a cast, which might leak, a key could not be looked up
    -- in an index under row-level security.
    execute format('
        with candidates as materialized (
            select l.*, case when $1 <> ''drones'' then left(l.pk, 36)::uuid end as id, substr(l.pk, 38) as drone
            from sync.load($1, $2, $3, $4) l
        ), found as (
            select c.pk, c.ver, c.scopes, d.j,
                row_number() over (order by c.pk collate "C") as n,
                sum(sync.overhead() + length(c.pk) + octet_length(d.j)) over (order by c.pk collate "C") as total
            from candidates c left join lateral (%s) d on true
        ), taken as (
            select * from found where n <= $5 and (total <= $6 or (n = 1 and $7))
        )
        select string_agg(sync.change($1, t.pk, t.ver, ''row'', t.j, case when $8 = array[''*''] then ''["*"]'' else
                to_json(array(select s from unnest(t.scopes) s where s = any ($8)))::text end), '','' order by t.n),
            count(*) filter (where t.j is not null and t.ver is not null), coalesce(max(t.total), 0),
            max(t.pk collate "C"), (select count(*) from found) > count(*)
        from taken t', source)
    into changes, n, bytes, last, more
    using p_tbl, p_scopes, p_after, p_rows + 1, p_rows, p_bytes, p_first, p_mine;
end
$$;

create or replace function sync.page_of_window(p_base pg_snapshot, p_target pg_snapshot, p_place jsonb, p_mine text[],
    p_rows int, p_bytes int, out changes text, out last jsonb, out more boolean)
language plpgsql stable security invoker set search_path = '' set enable_hashjoin = off set enable_mergejoin = off
    set jit = off set timezone = 'UTC' as $$
begin
    with candidates as materialized (
        select w.*, case when w.tbl <> 'drones' then left(w.pk, 36)::uuid end as id, substr(w.pk, 38) as drone
        from sync.window(p_base, p_target, coalesce(p_place ->> 0, '0')::xid8, coalesce(p_place ->> 1, ''),
            coalesce(p_place ->> 2, ''), p_rows + 1) w
    ), found as (
        select c.xid, c.tbl, c.pk, c.ver, c.scopes, d.j,
            case when c.k = 'row' and d.j is null then 'exit' else c.k end as k,
            row_number() over o as n,
            sum(sync.overhead() + length(c.pk) + coalesce(octet_length(d.j), 0)) over o as total
        from candidates c
        left join lateral (
            select row_to_json(x)::text as j from (select id, model, status, region_id, operator_id, created_at,
                updated_at from public.drones) x where c.tbl = 'drones' and c.k = 'row' and x.id = c.pk
            union all
            select row_to_json(x)::text from (select user_id, drone_id, assigned_at from public.user_drone_assignments) x
            where c.tbl = 'user_drone_assignments' and c.k = 'row'
                and x.user_id = c.id and x.drone_id = c.drone
            union all
            select row_to_json(x)::text from (select id, username, full_name, email, role, region_id, status, auth_user_id,
                created_at, updated_at from public.profiles) x
            where c.tbl = 'profiles' and c.k = 'row' and x.id = c.id
            union all
            select row_to_json(x)::text from (select id, name, area, commander_name, status, created_at, updated_at
                from public.regions) x
            where c.tbl = 'regions' and c.k = 'row' and x.id = c.id
        ) d on true
        window o as (order by c.xid, c.tbl collate "C", c.pk collate "C")
    ), taken as (
        select * from found where n <= p_rows and (total <= p_bytes or n = 1)
    )
    select string_agg(sync.change(t.tbl, t.pk, t.ver, t.k, t.j, case when p_mine = array['*'] then '["*"]' else
            to_json(array(select s from unnest(t.scopes) s where s = any (p_mine)))::text end), ',' order by t.n),
        (array_agg(jsonb_build_array(t.xid::text, t.tbl, t.pk) order by t.n desc))[1],
        (select count(*) from found) > count(*)
    into changes, last, more from taken t;
end
$$;

-- The versions of the rows whose scopes meet the caller's.
create or replace function sync.versions(p_tbl text) returns table (pk text, ver bigint)
language sql stable security definer set search_path = '' set jit = off as $$
    select s.pk::text, s.ver from sync.row_state s, (select sync.my_scopes() as mine) me
    where s.tbl = p_tbl and not s.deleted and (me.mine = array['*'] or s.scopes && me.mine)
$$;

-- Sums over what the caller may see: per table and bucket of keys the count, and the xor of the rows' hashes. The
-- bucket is the first byte of sha256(key); a row's hash the first eight bytes of sha256(key, 0x1f, version) as a
-- signed number. Rows that are there without a version (written while triggers were disabled) count with version 0.
create or replace function public.sync_digest(tables jsonb) returns jsonb
language plpgsql stable security invoker set search_path = '' set jit = off as $$
declare
    word text := sync.must((select m from sync.schema_ver() m));
    asked text;
    sums jsonb := '{}';
    part jsonb;
    keys text;
begin
    if word is not null then
        return jsonb_build_object('must', word);
    end if;
    if jsonb_typeof(tables) is distinct from 'array' or jsonb_array_length(tables) > cardinality(sync.tables()) then
        perform sync.fault('PT400', 'tables is a list of table names.');
    end if;
    foreach asked in array sync.texts(tables) loop
        if not coalesce(asked, '') = any (sync.tables()) then
            perform sync.fault('PT400', 'There is no table ' || coalesce(asked, 'null') || ' to compare.');
        end if;
        keys := case asked when 'user_drone_assignments'
            then 'select x.user_id || '':'' || x.drone_id as pk from public.user_drone_assignments x'
            else format('select x.id::text as pk from public.%I x', asked) end;
        execute format('
            select coalesce(jsonb_object_agg(b, jsonb_build_array(n, h::text)), ''{}'') from (
                select get_byte(sha256(convert_to(k.pk, ''UTF8'')), 0) as b, count(*) as n, bit_xor((''x'' || encode(
                    substr(sha256(convert_to(k.pk, ''UTF8'') || ''\x1f''::bytea
                        || convert_to(coalesce(v.ver, 0)::text, ''UTF8'')), 1, 8), ''hex''))::bit(64)::bigint) as h
                from (%s) k left join sync.versions($1) v on v.pk = k.pk group by 1) q', keys)
        into part using asked;
        sums := sums || jsonb_build_object(asked, part);
    end loop;
    return sums;
end
$$;

create or replace function sync.schema_ver() returns int
language sql stable security definer set search_path = '' as $$ select m.schema_ver from sync.meta m $$;

revoke execute on all functions in schema sync from public;
grant execute on function
    sync.my_scopes(), sync.epoch(), sync.horizon(), sync.meet(pg_snapshot, pg_snapshot),
    sync.horizon_age_ms(pg_snapshot), sync.must(int),
    sync.fault(text, text), sync.read_cursor(jsonb), sync.tables(), sync.are_scopes(jsonb), sync.texts(jsonb),
    sync.load(text, text[], text, int), sync.begin_load(text[]),
    sync.window(pg_snapshot, pg_snapshot, xid8, text, text, int), sync.min_xid(), sync.seen_row(text, text),
    sync.overhead(), sync.change(text, text, bigint, text, text, text), sync.page_of_load(text, text[], text, text[], int, int, boolean),
    sync.page_of_window(pg_snapshot, pg_snapshot, jsonb, text[], int, int), sync.versions(text), sync.schema_ver()
    to authenticated;
revoke execute on function public.sync_pull(jsonb, int, int, int), public.sync_digest(jsonb)
    from public, anon, service_role;
grant execute on function public.sync_pull(jsonb, int, int, int), public.sync_digest(jsonb) to authenticated;
