-- Pushes: edits of one person, each taken once, a group whole or not at all.
--
-- * An edit is claimed by its id before anything is done: a second delivery waits for the first, then gets the
--   stored answer. Only answers for good are stored; the others leave no record.
-- * Writes run as the caller, under row-level security and the guards; the same refusals are given in words before,
--   in the order of the console's own rules: the values, what the row is to the caller, who may, the three-way
--   merge, the rules.
-- * Every row that the call names is locked at its start in one order (region, user, drone, assignment, each by
--   key), so that two devices with the same rows in other orders do not meet head on. A deadlock that is left is
--   `retry`.
-- * Each group is a subtransaction; single edits of plain columns share one, as long as none is refused (`plain_edits`):
--   of what an edit costs, looking it up and writing it on its own is the larger part. A statement timeout is not caught:
--   it undoes the whole call, claims and all.
-- * A move or a deletion names the assignments that its author saw going with it (`drops`). Where another would go, made
--   since by somebody else, it is a conflict: a cascade must not undo what nobody decided about. The protocol asks for
--   "newer than the sender's base"; a list of keys says that without a point in time, and cannot take a concurrent
--   transaction's assignment for an old one.
-- * What a call asks for once is in PL/pgSQL: a function in SQL that cannot be unfolded is planned anew in each call.
-- * `effects` are the rows that the rules' cascades wrote for an edit, a hundred of them at most (`sync.note`).

set local client_min_messages = warning;

-- What one call may hold; the same bounds as the training server's.
create or replace function sync.check_ops(p_ops jsonb) returns void
language plpgsql stable set search_path = '' as $$
declare
    bad record;
begin
    if jsonb_typeof(p_ops) is distinct from 'array' then
        perform sync.fault('PT400', 'ops is a list of edits.');
    elsif jsonb_array_length(p_ops) > 50000 then
        perform sync.fault('PT413', 'A call takes at most 50 groups of 1000 edits.');
    end if;
    select n - 1 as at, w.why into bad from jsonb_array_elements(p_ops) with ordinality as x (o, n), lateral (select case
        when jsonb_typeof(o) <> 'object' then 'it is no object'
        when coalesce(o ->> 'id', '') !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then 'id is no uuid'
        when jsonb_typeof(o -> 'seq') is distinct from 'number' or (o ->> 'seq') !~ '^[0-9]{1,18}$'
            then 'seq is no number'
        when coalesce(jsonb_typeof(o -> 'group'), 'null') <> 'null'
            and (o ->> 'group') !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then 'group is no uuid'
        when not coalesce(o ->> 't', '') = any (sync.tables()) then 't is no table of ours'
        when jsonb_typeof(o -> 'pk') is distinct from 'string' or length(o ->> 'pk') > 600 then 'pk is no key'
        when coalesce(o ->> 'k', '') not in ('insert', 'update', 'delete') then 'k is none of insert, update, delete'
        when not sync.are_fields(o -> 'base') then 'base holds something else than texts and nulls'
        when not sync.are_fields(o -> 'set') then 'set holds something else than texts and nulls'
        when jsonb_typeof(o -> 'deps') is distinct from 'array' then 'deps is no list'
        when jsonb_array_length(o -> 'deps') > 1000 or exists (select from jsonb_array_elements(o -> 'deps') d
            where d #>> '{}' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' or jsonb_typeof(d) <> 'string')
            then 'deps holds something else than at most 1000 ids'
        when coalesce(jsonb_typeof(o -> 'drops'), 'null') not in ('null', 'array') then 'drops is no list'
        when jsonb_typeof(o -> 'drops') = 'array' and (jsonb_array_length(o -> 'drops') > 1000
            or exists (select from jsonb_array_elements(o -> 'drops') d
                where jsonb_typeof(d) <> 'string' or length(d #>> '{}') > 600))
            then 'drops holds something else than at most 1000 keys'
        when coalesce(jsonb_typeof(o -> 'reason'), 'null') not in ('null', 'string')
            or length(o ->> 'reason') > 200 then 'reason is no text of at most 200 characters'
        when (o ->> 'reason') ~ flyos.harmful() then 'reason holds a control or invisible character'
        end as why) w
    where w.why is not null order by n limit 1;
    if found then
        perform sync.fault('PT400', format('ops[%s]: %s.', bad.at, bad.why));
    end if;
end
$$;

-- An object of texts and nulls, of at most 64 fields?
create or replace function sync.are_fields(p jsonb) returns boolean
language plpgsql immutable parallel safe set search_path = '' as $$
begin
    return jsonb_typeof(p) is not distinct from 'object'
        -- Strict: else a list would be looked into, and pass for the texts it holds.
        and not jsonb_path_exists(p, 'strict $.* ? (@.type() != "string" && @.type() != "null")')
        -- 65 fields with their names cannot be written in fewer bytes.
        and (octet_length(p::text) < 512 or (select count(*) <= 64 from jsonb_object_keys(p)));
end
$$;

-- Those of these keys whose rows the caller sees. Whoever names others gets no lock on them: they would hold up
-- people they know nothing of.
create or replace function sync.in_sight(p_tbl text, p_pks text[]) returns text[]
language plpgsql stable security definer set search_path = '' set jit = off as $$
declare
    mine text[];
begin
    if array_remove(p_pks, null) = '{}' then
        return '{}';
    end if;
    mine := sync.my_scopes();
    return array(select s.pk::text from sync.row_state s
        where s.tbl = p_tbl and s.pk = any (p_pks) and not s.deleted and (mine = array['*'] or s.scopes && mine));
end
$$;

-- Locks what the edits are about, what they point at, and the regions of drones that get members, in the one order:
-- regions, profiles, drones, each by key. What is edited and what is only held still are locked in one go, or two
-- callers could each edit what the other holds. False where somebody who locks in another order (a transaction of
-- several statements) was met head on: then nothing is locked.
create or replace function sync.lock_rows(p_ops jsonb) returns boolean
language plpgsql security definer set search_path = '' set jit = off as $$
declare
    own jsonb;
    members text[];
    pks text[];
    refs text[];
    it record;
begin
    select jsonb_object_agg(t, keys) into own from (
        select o ->> 't' as t, jsonb_agg(distinct o ->> 'pk') as keys from jsonb_array_elements(p_ops) o group by 1) k;
    members := sync.texts(coalesce(own -> 'user_drone_assignments', '[]'));
    pks := sync.in_sight('regions', sync.texts(coalesce(own -> 'regions', '[]')));
    refs := sync.in_sight('regions', array(
        select o -> 'set' ->> 'region_id' from jsonb_array_elements(p_ops) o
        union
        select d.region_id::text from public.drones d
        where d.id = any (sync.in_sight('drones', array(select substr(k, 38) from unnest(members) k)))));
    for it in select k::uuid as id, k = any (pks) as edited from unnest(pks || refs) k group by k order by 1 loop
        if it.edited then
            perform from public.regions r where r.id = it.id for no key update;
        else
            perform from public.regions r where r.id = it.id for share;
        end if;
    end loop;
    pks := sync.in_sight('profiles', sync.texts(coalesce(own -> 'profiles', '[]')));
    -- With them the caller, so that nobody's role ends between the question and the answer.
    refs := sync.in_sight('profiles', array(
        select o -> 'set' ->> 'operator_id' from jsonb_array_elements(p_ops) o
        union
        select lower(left(k, 36)) from unnest(members) k
        union
        select flyos.my_id()::text));
    for it in select k::uuid as id, k = any (pks) as edited from unnest(pks || refs) k group by k order by 1 loop
        if it.edited then
            perform from public.profiles p where p.id = it.id for no key update;
        else
            perform from public.profiles p where p.id = it.id for share;
        end if;
    end loop;
    pks := sync.in_sight('drones', array(select k from unnest(sync.texts(coalesce(own -> 'drones', '[]'))) k
        union select substr(k, 38) from unnest(members) k));
    if pks <> '{}' then
        perform from public.drones d where d.id = any (pks) order by d.id collate "C" for no key update;
    end if;
    return true;
exception when deadlock_detected or lock_not_available then
    return false;
end
$$;

-- Claims the edits, waiting for whoever is about to answer one of them. Gives back those that are known: by their
-- place in the call, the stored result, or that the id was used for something else.
create or replace function sync.claim(p_device uuid, p_ops jsonb) returns jsonb
language plpgsql security definer set search_path = '' set jit = off as $$
declare
    mine uuid[];
begin
    with taken as (
        insert into sync.applied_op (op_id, user_id, device, hash)
        select distinct on (id) id, auth.uid(), p_device, sync.hash_of(o)
        from (select (o ->> 'id')::uuid as id, o, n from jsonb_array_elements(p_ops) with ordinality as x (o, n)) x
        order by id, n
        on conflict do nothing returning op_id
    )
    select coalesce(array_agg(op_id), '{}') into mine from taken;
    -- A later statement: it sees what was committed while the claim waited.
    return (select coalesce(jsonb_object_agg(x.n, case
            when a.user_id = auth.uid() and a.hash = sync.hash_of(x.o)
            then coalesce(a.result, jsonb_build_object('code', a.code, 'v', a.v, 'effects', '[]'::jsonb))
                || '{"replayed": true}'
                || jsonb_build_object('id', x.o -> 'id')
            else jsonb_build_object('id', x.o -> 'id', 'code', 'id_reused') end), '{}')
        from jsonb_array_elements(p_ops) with ordinality as x (o, n)
        join sync.applied_op a on a.op_id = (x.o ->> 'id')::uuid
        where a.op_id <> all (mine));
end
$$;

-- sha256 of an edit. What it depends on is no part of it: after a crash an edit whose forerunner is in by then is
-- sent without it.
create or replace function sync.hash_of(p_op jsonb) returns bytea language sql stable parallel safe
    return sha256(convert_to((p_op - 'deps')::text, 'UTF8'));

-- Edits that others wait for and that did not get in: by id.
create or replace function sync.failed_before(p_ops jsonb) returns jsonb
language plpgsql stable security definer set search_path = '' set jit = off as $$
begin
    return (
        select coalesce(jsonb_object_agg(a.op_id, true), '{}')
        from (select distinct (d #>> '{}')::uuid as id from jsonb_array_elements(p_ops) o, jsonb_array_elements(o -> 'deps') d) d
        join sync.applied_op a on a.op_id = d.id
        where a.user_id = auth.uid() and a.code not in ('applied', 'merged', 'noop')
    );
end
$$;

-- Stores what was answered for good, and lets go of the claims of the rest.
create or replace function sync.settle(p_results jsonb) returns void
language plpgsql security definer set search_path = '' set jit = off as $$
begin
    update sync.applied_op a set code = r ->> 'code', v = (r ->> 'v')::bigint, result = r
    from jsonb_array_elements(p_results) r
    where a.op_id = (r ->> 'id')::uuid and a.user_id = auth.uid() and a.code is null
        and r ->> 'code' in ('applied', 'merged', 'noop', 'conflict', 'rejected', 'gone');
    delete from sync.applied_op a using jsonb_array_elements(p_results) r
    where a.op_id = (r ->> 'id')::uuid and a.user_id = auth.uid() and a.code is null;
end
$$;

-- The versions that rows have now: `[[table, key], …]` to a list of numbers.
create or replace function sync.versions_of(p_keys jsonb) returns jsonb
language plpgsql stable security definer set search_path = '' set jit = off as $$
begin
    return (
        select coalesce(jsonb_agg(coalesce(s.ver, 0) order by n), '[]')
        from jsonb_array_elements(p_keys) with ordinality as k (key, n)
        left join sync.row_state s on s.tbl = k.key ->> 0 and s.pk = k.key ->> 1
    );
end
$$;

-- The rows that cascades wrote for the edit of this moment, or as many as are told: whoever carries it out has set
-- `flyos.noted` to nothing before. The books themselves are not asked: one call has thousands of rows in them.
create or replace function sync.effects_of(p_tbl text, p_pk text) returns jsonb
language sql stable security definer set search_path = '' as $$
    select coalesce(jsonb_agg(jsonb_build_array(w.tbl, w.pk)
        order by array_position(sync.tables(), w.tbl), w.pk collate "C"), '[]')
    from (
        select n.tbl, substr(n.row, length(n.tbl) + 2) as pk from (
            select r as row, split_part(r, ' ', 1) as tbl
            from jsonb_array_elements_text(coalesce(nullif(current_setting('flyos.noted', true), ''), '[]')::jsonb) r) n
        where n.row <> p_tbl || ' ' || p_pk limit sync.effects_max()) w
$$;

-- Was this a row that the caller could see until it was deleted?
create or replace function sync.was_seen(p_tbl text, p_pk text) returns boolean
language sql stable security definer set search_path = '' as $$
    select coalesce((select s.deleted and (sync.my_scopes() = array['*'] or s.scopes && sync.my_scopes())
        from sync.row_state s where s.tbl = p_tbl and s.pk = p_pk), false)
$$;

create or replace function sync.is_there(p_tbl text, p_pk text) returns boolean
language sql stable security definer set search_path = '' as $$
    select exists (select from sync.row_state s where s.tbl = p_tbl and s.pk = p_pk and not s.deleted)
$$;

-- Who wrote a row last, and when, for a conflict. The name only where the caller may see that profile, else the role.
create or replace function sync.last_write(p_tbl text, p_pk text) returns jsonb
language sql stable security definer set search_path = '' set timezone = 'UTC' as $$
    select jsonb_build_object('v', s.ver, 'at', s.at, 'by', case
        when c.role = 'MAIN_HQ' or p.id = c.user_id or (c.role = 'REGIONAL_HQ' and p.region_id = c.region_id)
        then p.username else p.role end)
    from sync.row_state s left join public.profiles p on p.id = s.by, flyos.caller() c
    where s.tbl = p_tbl and s.pk = p_pk
$$;

create or replace function sync.noun(p_tbl text) returns text language sql immutable parallel safe
    return case p_tbl when 'regions' then 'region' when 'profiles' then 'user' when 'drones' then 'drone'
        else 'assignment' end;

-- The key in its one form, or null where the text can be no key of that table.
create or replace function sync.key_of(p_tbl text, p_pk text) returns text
language plpgsql immutable parallel safe set search_path = '' as $$
begin
    if p_tbl = 'drones' then
        return p_pk;
    elsif p_tbl = 'user_drone_assignments' then
        return case when p_pk ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:.' then lower(left(p_pk, 36)) || substr(p_pk, 37)
            end;
    end if;
    return case when p_pk ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then lower(p_pk) end;
end
$$;

-- The columns, by `table.column`: what an edit may write, and which make sense only together.
create or replace function sync.fields() returns jsonb
language plpgsql stable security definer set search_path = '' as $$
begin
    return (
        select jsonb_object_agg(f.tbl || '.' || f.name, jsonb_build_object('title', f.title, 'server', f.server,
            'unit', f.unit, 'required', f.required, 'type', f.type)) from flyos.field f
    );
end
$$;

-- The first column that a new row needs and an edit lacks.
create or replace function sync.missing(p_tbl text, p_set jsonb) returns flyos.field
language sql stable security definer set search_path = '' as $$
    select f from flyos.field f where f.tbl = p_tbl and f.required and not f.server and not p_set ? f.name
    order by f.ord limit 1
$$;

-- Ends an edit that is no refusal: a conflict to decide, or a row that is gone.
create or replace function sync.stop(p_outcome jsonb) returns void
language plpgsql immutable set search_path = '' as $$
begin
    raise exception using errcode = 'FLY00', message = p_outcome ->> 'code', detail = p_outcome::text;
end
$$;

-- Judges the values of an edit.
create or replace function sync.check_set(p_op jsonb, p_fields jsonb) returns void
language plpgsql stable set search_path = '' as $$
declare
    t text := p_op ->> 't';
    f record;
    field jsonb;
    lacking flyos.field;
begin
    for f in select x.key, x.value from jsonb_each_text(p_op -> 'set') x order by x.key collate "C" loop
        field := p_fields -> (t || '.' || f.key);
        if field is null then
            perform flyos.refuse('invalid', f.key, sync.noun(t) || 's have no column ' || f.key || '.');
        elsif (field ->> 'server')::boolean then
            perform flyos.refuse('invalid', f.key, (field ->> 'title') || ' is set by the server and cannot be edited.');
        end if;
        perform flyos.check_value(t, f.key, f.value);
    end loop;
    if p_op ->> 'k' = 'insert' then
        lacking := sync.missing(t, p_op -> 'set');
        if lacking.name is not null then
            perform flyos.refuse('invalid', lacking.name, lacking.title || ' is needed.');
        end if;
    end if;
end
$$;

-- The three-way merge, field by field: what the edit started from, what it wants, what is there now. `apply` is
-- what to write; with any clash nothing is. Columns of one unit clash together once somebody else moved one.
create or replace function sync.merge(p_op jsonb, p_now jsonb, p_fields jsonb,
    out apply jsonb, out clashes jsonb, out moved boolean)
language plpgsql stable set search_path = '' as $$
declare
    t text := p_op ->> 't';
    base jsonb := p_op -> 'base';
    wanted jsonb := p_op -> 'set';
    name text;
    units text[] := '{}';
    was text;
    now_is text;
begin
    apply := '{}'; clashes := '{}'; moved := false;
    for name in select jsonb_object_keys(base || wanted) loop
        if p_fields -> (t || '.' || name) ->> 'unit' is not null
            and p_now ->> name is distinct from base ->> name
            and not (wanted ? name and p_now ->> name is not distinct from wanted ->> name) then
            units := units || (p_fields -> (t || '.' || name) ->> 'unit');
        end if;
        moved := moved or (not wanted ? name and p_now ? name and p_now ->> name is distinct from base ->> name);
    end loop;
    for name in select jsonb_object_keys(wanted) loop
        was := base ->> name;
        now_is := p_now ->> name;
        if now_is is not distinct from wanted ->> name then
            moved := moved or now_is is distinct from was;
        elsif now_is is not distinct from was
            and not coalesce(p_fields -> (t || '.' || name) ->> 'unit' = any (units), false) then
            apply := apply || jsonb_build_object(name, wanted -> name);
        else
            clashes := clashes || jsonb_build_object(name,
                jsonb_build_object('base', was, 'mine', wanted -> name, 'theirs', now_is));
        end if;
    end loop;
end
$$;

-- The assignments that a move (to that region) or a deletion would take away and that the edit does not name: they were
-- made after its author decided. A hundred at most.
create or replace function sync.unforeseen(p_op jsonb, p_key text, p_region uuid) returns text[]
language plpgsql stable security invoker set search_path = '' as $$
declare
    gone boolean := p_op ->> 'k' = 'delete';
begin
    if jsonb_typeof(p_op -> 'drops') is distinct from 'array' then
        return '{}';
    elsif p_op ->> 't' = 'drones' then
        return array(select x.pk from public.user_drone_assignments a left join public.profiles p on p.id = a.user_id,
                lateral (select a.user_id || ':' || a.drone_id collate "C" as pk) x
            where a.drone_id = p_key and (gone or (p_region is not null and p.region_id is distinct from p_region))
                and not p_op -> 'drops' ? x.pk
            order by x.pk limit 100);
    elsif p_op ->> 't' = 'profiles' then
        return array(select x.pk from public.user_drone_assignments a left join public.drones d on d.id = a.drone_id,
                lateral (select a.user_id || ':' || a.drone_id collate "C" as pk) x
            where a.user_id = p_key::uuid and (gone or d.region_id is distinct from p_region and d.region_id is not null)
                and not p_op -> 'drops' ? x.pk
            order by x.pk limit 100);
    end if;
    return '{}';
end
$$;

-- Ends an edit that would take away what its author did not know of.
create or replace function sync.check_drops(p_op jsonb, p_key text, p_region uuid) returns void
language plpgsql stable security invoker set search_path = '' as $$
declare
    others text[] := sync.unforeseen(p_op, p_key, p_region);
begin
    if others <> '{}' then
        perform sync.stop(jsonb_build_object('code', 'conflict', 'fields', '{}'::jsonb, 'drops', others)
            || sync.last_write('user_drone_assignments', others[1])
            || jsonb_build_object('v', sync.last_write(p_op ->> 't', p_key) -> 'v'));
    end if;
end
$$;

-- Carries out one edit; raises what stops it. Returns its code, `applied`, `merged` or `noop`.
create or replace function sync.carry_out(p_op jsonb, p_fields jsonb) returns text
language plpgsql volatile security invoker set search_path = '' as $$
declare
    t text := p_op ->> 't';
    key text := sync.key_of(t, p_op ->> 'pk');
    wanted jsonb := p_op -> 'set';
    now_is jsonb;
    merged record;
    refusal text;
    n bigint;
    hidden text := format('The %s %s is not there, or not yours to see.', sync.noun(t), coalesce(key, p_op ->> 'pk'));
begin
    -- Old drones may have ids that nobody may choose any more.
    if key is null or (t = 'drones' and key !~ '^[A-Za-z0-9._-]{1,64}$' and not sync.is_there(t, key))
        or (t = 'user_drone_assignments' and substr(key, 38) !~ '^[A-Za-z0-9._-]{1,64}$'
            and not sync.is_there(t, key) and not sync.is_there('drones', substr(key, 38))) then
        perform flyos.refuse('invalid', 'id', format('%s is no key of a %s.', p_op ->> 'pk', sync.noun(t)));
    end if;
    perform sync.check_set(p_op, p_fields);

    if p_op ->> 'k' = 'insert' then
        refusal := flyos.no_create(t, key, false);
        if refusal is not null then
            perform flyos.refuse('forbidden', null, refusal);
        end if;
        if sync.is_there(t, key) then
            now_is := sync.seen_row(t, key);
            if now_is is not null and not exists (select from jsonb_each_text(wanted) w
                    where w.value is distinct from now_is ->> w.key) then
                return 'noop';
            end if;
            perform flyos.refuse('unique', case when t = 'user_drone_assignments' then 'drone_id' else 'id' end,
                format('The %s %s is already there.', sync.noun(t), key));
        end if;
        if t = 'drones' then
            insert into public.drones (id, model, status, region_id, operator_id)
            values (key, wanted ->> 'model', wanted ->> 'status', (wanted ->> 'region_id')::uuid,
                (wanted ->> 'operator_id')::uuid);
        elsif t = 'profiles' then
            insert into public.profiles (id, username, full_name, email, role, region_id, status)
            values (key::uuid, wanted ->> 'username', wanted ->> 'full_name', wanted ->> 'email', wanted ->> 'role',
                (wanted ->> 'region_id')::uuid, wanted ->> 'status');
        elsif t = 'regions' then
            insert into public.regions (id, name, area, commander_name, status)
            values (key::uuid, wanted ->> 'name', wanted ->> 'area', wanted ->> 'commander_name', wanted ->> 'status');
        else
            insert into public.user_drone_assignments (user_id, drone_id)
            values (left(key, 36)::uuid, substr(key, 38));
        end if;
        return 'applied';
    end if;

    now_is := sync.seen_row(t, key);
    if now_is is null then
        if not sync.was_seen(t, key) then
            perform flyos.refuse('forbidden', null, hidden);
        elsif p_op ->> 'k' = 'delete' then
            return 'noop';
        end if;
        perform sync.stop('{"code": "gone"}');
    end if;

    if p_op ->> 'k' = 'delete' then
        refusal := flyos.no_create(t, key, true);
        if refusal is not null then
            perform flyos.refuse('forbidden', null, refusal);
        end if;
        -- A field that differs from what the person saw is a conflict. Of the server's own columns only an
        -- assignment's time counts, where it was known: the row may be another assignment by now.
        select jsonb_object_agg(b.key, jsonb_build_object('base', b.value, 'mine', null, 'theirs', now_is -> b.key))
        into merged
        from jsonb_each_text(p_op -> 'base') b, lateral (select p_fields -> (t || '.' || b.key) as field) f
        where f.field is not null and case
            when b.key = 'assigned_at' then b.value is not null
                and not sync.same_time(b.value, now_is ->> b.key)
            when (f.field ->> 'server')::boolean then false
            when f.field ->> 'type' = 'uuid' then lower(b.value) is distinct from now_is ->> b.key
            else b.value is distinct from now_is ->> b.key end;
        if merged.jsonb_object_agg is not null then
            perform sync.stop(jsonb_build_object('code', 'conflict', 'fields', merged.jsonb_object_agg)
                || sync.last_write(t, key));
        end if;
        perform sync.check_drops(p_op, key, null);
        if t = 'drones' then
            delete from public.drones where id = key;
        elsif t = 'profiles' then
            delete from public.profiles where id = key::uuid;
        elsif t = 'regions' then
            delete from public.regions where id = key::uuid;
        else
            delete from public.user_drone_assignments where user_id = left(key, 36)::uuid and drone_id = substr(key, 38);
        end if;
        get diagnostics n = row_count;
        if n = 0 then
            perform flyos.refuse('forbidden', null, hidden);
        end if;
        return 'applied';
    end if;

    refusal := flyos.no_update(t, key, array(select k from jsonb_object_keys(wanted) k order by k collate "C"),
        (now_is ->> 'region_id')::uuid, (wanted ->> 'operator_id')::uuid);
    if refusal is not null then
        perform flyos.refuse('forbidden', null, refusal);
    end if;
    select * into merged from sync.merge(p_op, now_is, p_fields);
    if merged.clashes <> '{}' then
        perform sync.stop(jsonb_build_object('code', 'conflict', 'fields', merged.clashes) || sync.last_write(t, key));
    elsif merged.apply = '{}' then
        return 'noop';
    end if;
    now_is := now_is || merged.apply;
    if merged.apply ? 'region_id' then
        perform sync.check_drops(p_op, key, (now_is ->> 'region_id')::uuid);
    end if;
    if t = 'drones' then
        update public.drones set model = now_is ->> 'model', status = now_is ->> 'status',
            region_id = (now_is ->> 'region_id')::uuid, operator_id = (now_is ->> 'operator_id')::uuid where id = key;
    elsif t = 'profiles' then
        update public.profiles set username = now_is ->> 'username', full_name = now_is ->> 'full_name',
            email = now_is ->> 'email', role = now_is ->> 'role', region_id = (now_is ->> 'region_id')::uuid,
            status = now_is ->> 'status' where id = key::uuid;
    else
        update public.regions set name = now_is ->> 'name', area = now_is ->> 'area',
            commander_name = now_is ->> 'commander_name', status = now_is ->> 'status' where id = key::uuid;
    end if;
    -- Row-level security that hides a row from UPDATE does so in silence.
    get diagnostics n = row_count;
    if n = 0 then
        perform flyos.refuse('forbidden', null, hidden);
    end if;
    return case when merged.moved then 'merged' else 'applied' end;
end
$$;

-- The columns on which nothing else hangs: no other column, row or edit is judged or changed by what is in them.
create or replace function sync.plain_columns(p_tbl text) returns text[]
language sql immutable parallel safe
    return case p_tbl when 'regions' then array['area', 'commander_name', 'status'] when 'profiles' then array['full_name']
        when 'drones' then array['model', 'status'] else '{}' end;

-- The edits, by their places in the call, that may be written in one statement with their neighbours of the same table:
-- each alone with its row and in its group, waiting for none, and of nothing but such columns, which it changes.
create or replace function sync.plain_edits(p_list jsonb[], p_keys text[]) returns int[]
language plpgsql stable security invoker set search_path = '' set jit = off as $$
begin
    return (
        select coalesce(array_agg(e.i order by e.i), '{}') from (
            select o, i::int, o ->> 't' as t, o -> 'base' as base, o -> 'set' as wanted, p_keys[i] as key,
                count(*) over (partition by o ->> 't', p_keys[i]) as edits
            from unnest(p_list) with ordinality as x (o, i)) e
        where e.edits = 1 and e.o ->> 'k' = 'update' and e.o ->> 'group' is null and e.o -> 'deps' = '[]'
            and e.wanted <> '{}' and e.wanted - sync.plain_columns(e.t) = '{}' and e.base - sync.plain_columns(e.t) = '{}'
            and not exists (select from jsonb_each(e.wanted) w
                where not e.base ? w.key or e.base -> w.key is not distinct from w.value)
            -- A key that stands for itself in a line (`sync.edit_of`), and casts.
            and case when e.t = 'drones' then e.key ~ '^[A-Za-z0-9._-]{1,64}$' else sync.key_of(e.t, e.key) is not null end
    );
end
$$;

-- Carries out such edits of one table as the caller. Gives back the keys of those that are in: of rows that were there, to
-- be seen, and just as the edits started from. What a rule refuses is raised, for all of them; the rest is for
-- `carry_out` to judge. Each row is written for its own edit; what a trigger of the project's owner writes elsewhere
-- meanwhile is written for none.
create or replace function sync.carry_out_plain(p_list jsonb[], p_keys text[]) returns text[]
language plpgsql volatile security invoker set search_path = '' set jit = off set enable_hashjoin = off
    set enable_mergejoin = off set enable_seqscan = off as $$
declare
    t text := p_list[1] ->> 't';
    done text[];
begin
    perform set_config('flyos.noted', '', true), set_config('flyos.edits', string_agg(
            key || E'\t' || (o ->> 'id') || ' ' || coalesce(o ->> 'reason', ''), E'\n'), true)
        from unnest(p_keys, p_list) as e (key, o);
    if t = 'drones' then
        with written as (
            update public.drones d set model = case when e.o -> 'set' ? 'model' then e.o -> 'set' ->> 'model' else d.model end,
                status = case when e.o -> 'set' ? 'status' then e.o -> 'set' ->> 'status' else d.status end
            from unnest(p_keys, p_list) as e (id, o)
            where d.id = e.id and jsonb_build_object('model', d.model, 'status', d.status) @> (e.o -> 'base')
            returning d.id
        )
        select array_agg(w.id) into done from written w;
    elsif t = 'profiles' then
        with written as (
            update public.profiles p set full_name = e.o -> 'set' ->> 'full_name'
            from unnest(p_keys::uuid[], p_list) as e (id, o)
            where p.id = e.id and jsonb_build_object('full_name', p.full_name) @> (e.o -> 'base')
            returning p.id::text
        )
        select array_agg(w.id) into done from written w;
    else
        with written as (
            update public.regions r set area = case when e.o -> 'set' ? 'area' then e.o -> 'set' ->> 'area' else r.area end,
                commander_name = case when e.o -> 'set' ? 'commander_name' then e.o -> 'set' ->> 'commander_name'
                    else r.commander_name end,
                status = case when e.o -> 'set' ? 'status' then e.o -> 'set' ->> 'status' else r.status end
            from unnest(p_keys::uuid[], p_list) as e (id, o)
            where r.id = e.id and jsonb_build_object('area', r.area, 'commander_name', r.commander_name,
                'status', r.status) @> (e.o -> 'base')
            returning r.id::text
        )
        select array_agg(w.id) into done from written w;
    end if;
    return coalesce(done, '{}');
end
$$;

create or replace function sync.same_time(a text, b text) returns boolean
language plpgsql immutable set search_path = '' set timezone = 'UTC' as $$
begin
    return a::timestamptz is not distinct from b::timestamptz;
exception when data_exception then
    return false;
end
$$;

-- What an error of the database comes to. Final are our own rules, row-level security's check, our named constraints,
-- and rules of the project's owner; everything else may pass and is sent again.
create or replace function sync.outcome_of(p_state text, p_message text, p_detail text, p_constraint text, p_column text)
returns jsonb
language plpgsql stable set search_path = '' as $$
declare
    field text;
    reason text;
    told constant text := p_message;
begin
    if p_state = 'FLY00' then
        return p_detail::jsonb;
    elsif p_constraint like 'flyos\_%' then
        reason := substr(p_constraint, 7);
        field := nullif(p_column, '');
    elsif p_state = '42501' and p_message like 'new row violates row-level security policy%' then
        return jsonb_build_object('code', 'rejected', 'reason', 'forbidden', 'field', null,
            'message', 'Your role does not allow this.');
    else
        -- The constraints are named table_column_kind: the column is what stands between.
        field := substring(p_constraint from
            '^(?:regions|profiles|drones|user_drone_assignments)_(.+)_(?:check|fkey|key_ci|key)$');
        reason := case
            when p_constraint like '%\_pkey' then 'unique'
            when field is null then null
            when p_state = '23505' then 'unique'
            when p_state = '23503' then 'reference'
            when p_state = '23514' then 'invalid'
        end;
        field := case when field = 'operator_assigned' then 'operator_id' when p_constraint like '%\_pkey' then 'id'
            else field end;
        p_message := case reason
            when 'unique' then 'Another row has this ' || field || '.'
            when 'reference' then 'What ' || field || ' points at is not there any more.'
            else 'The value of ' || field || ' breaks a rule.'
        end;
    end if;
    -- What the project's owner has built around the tables refuses too, and the same way every time: a table of theirs
    -- that points here, a constraint of theirs, a trigger that raises an exception of its own.
    if reason is null and p_state = '23503' then
        reason := 'reference';
        p_message := format('The table %s of this project still points at it.',
            coalesce(substring(told from 'on table "([^"]+)"$'), '?'));
    elsif reason is null and p_state like '23%' then
        reason := 'invalid';
        p_message := format('A rule of this project refuses it: %s.', coalesce(nullif(p_constraint, ''), told));
    elsif reason is null and p_state = 'P0001' then
        reason := 'invalid';
        p_message := format('A rule of this project refuses it: %s', told);
    end if;
    if reason is null then
        return jsonb_build_object('code', 'retry', 'after_ms', 500);
    end if;
    return jsonb_build_object('code', 'rejected', 'reason', reason, 'field', field, 'message', p_message);
end
$$;

-- Keeps what a device says of itself.
create or replace function sync.report(p_device uuid, p_report jsonb) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if p_report is null or jsonb_typeof(p_report) = 'null' then
        return;
    elsif jsonb_typeof(p_report) <> 'object' or jsonb_typeof(p_report -> 'version') is distinct from 'string'
        or length(p_report ->> 'version') not between 1 and 64 or (p_report ->> 'version') ~ flyos.harmful()
        or exists (select from unnest(array['waiting', 'oldest_s', 'needs_you']) k
            where jsonb_typeof(p_report -> k) is distinct from 'number' or (p_report ->> k) !~ '^[0-9]{1,9}$') then
        perform sync.fault('PT400', 'report holds waiting, oldest_s, needs_you (numbers) and version (a text).');
    end if;
    insert into sync.device as d (user_id, device, waiting, oldest_s, needs_you, version)
    select c.user_id, p_device, (p_report ->> 'waiting')::int, (p_report ->> 'oldest_s')::int,
        (p_report ->> 'needs_you')::int, p_report ->> 'version'
    -- Somebody may have deleted their own profile just now: that must not undo it.
    from flyos.caller() c join public.profiles p on p.id = c.user_id for key share of p
    on conflict (user_id, device) do update set waiting = excluded.waiting, oldest_s = excluded.oldest_s,
        needs_you = excluded.needs_you, version = excluded.version, at = now();
    -- Of each person the newest sixteen: a device is whatever a caller says it is.
    delete from sync.device d using flyos.caller() c where d.user_id = c.user_id and d.device not in (
        select n.device from sync.device n where n.user_id = c.user_id order by n.at desc, n.device limit 16);
end
$$;

-- Forgets a little of what is old: stored results after 30 days, tombstones and exits after 90, which makes cursors
-- from before load anew. The claims stay, with code and version: that is all there was to say of an edit that got in.
-- Why another did not is kept, since nobody could answer for it.
create or replace function sync.prune(p_rows int) returns void
language plpgsql security definer set search_path = '' set jit = off as $$
declare
    newest xid8;
begin
    update sync.applied_op a set result = null
    where a.op_id in (select o.op_id from sync.applied_op o
        where o.result is not null and o.code in ('applied', 'merged', 'noop') and o.at < now() - interval '30 days'
        order by o.at limit p_rows for update skip locked);
    with gone as (
        delete from sync.row_state s using (select o.tbl, o.pk from sync.row_state o
            where o.deleted and o.at < now() - interval '90 days' order by o.at limit p_rows for update skip locked) o
        where s.tbl = o.tbl and s.pk = o.pk returning s.xid
    ), left_by as (
        delete from sync.scope_exit e using (select o.tbl, o.pk, o.scope from sync.scope_exit o
            where o.at < now() - interval '90 days' order by o.at limit p_rows for update skip locked) o
        where e.tbl = o.tbl and e.pk = o.pk and e.scope = o.scope returning e.xid
    )
    select max(xid) into newest from (select xid from gone union all select xid from left_by) x;
    if newest is not null then
        update sync.meta m set min_xid = (newest::text::bigint + 1)::text::xid8
            where m.min_xid <= newest;
    end if;
end
$$;

create or replace function public.sync_push(uid uuid, device uuid, schema int, report jsonb, ops jsonb) returns jsonb
language plpgsql volatile security invoker set search_path = '' set jit = off set timezone = 'UTC' as $$
declare
    word text;
    fields jsonb;
    known jsonb;
    before jsonb;
    failed jsonb := '{}';
    failed_rows jsonb := '{}';
    results jsonb[] := '{}';
    result jsonb;
    blocker text;
    op jsonb;
    list jsonb[];
    -- The keys of the edits' rows in their one form, as far as they have one.
    keys text[];
    first int := 1;
    last int;
    -- The edit that is being looked at; a loop's own variable would not outlive the loop.
    at int;
    n int;
    -- The last edit of each group.
    ends int[] := '{}';
    names jsonb := '{}';
    bytes bigint;
    part jsonb[];
    -- May other rows follow from the edit?
    cascades boolean;
    code text;
    state text; message text; detail text; constr text; col text;
    -- Ids that stand more than once in this call, and the place where each stood first.
    doubled jsonb;
    earlier int;
    -- What may be written in one statement: the places, the keys of what got in so, and where a run of them ends.
    plain int[];
    done text[];
    stop int;
    vers jsonb;
begin
    -- Whose edits these are comes first: no word about the caller may settle another's edits.
    if uid is distinct from auth.uid() then
        perform sync.fault('PT409', 'auth_mismatch');
    end if;
    word := sync.must(sync_push.schema);
    if word is not null then
        return jsonb_build_object('must', word);
    end if;
    if device is null then
        perform sync.fault('PT400', 'device is needed.');
    end if;
    perform sync.check_ops(ops);
    list := array(select o from jsonb_array_elements(ops) with ordinality as x (o, i) order by i);
    keys := array(select coalesce(sync.key_of(o ->> 't', o ->> 'pk'), o ->> 'pk')
        from unnest(list) with ordinality as x (o, i) order by i);
    n := coalesce(array_length(list, 1), 0);

    -- The groups: edits that stand side by side with one name. Bounds before anything is written.
    while first <= n loop
        last := first;
        bytes := octet_length(list[first]::text);
        if list[first] ->> 'group' is not null then
            if names ? (list[first] ->> 'group') then
                perform sync.fault('PT400', 'The edits of a group must stand side by side.');
            end if;
            names := names || jsonb_build_object(list[first] ->> 'group', true);
            while last < n and list[last + 1] ->> 'group' = list[first] ->> 'group' loop
                last := last + 1;
                bytes := bytes + octet_length(list[last]::text);
            end loop;
        end if;
        ends := ends || last;
        if array_length(ends, 1) > 50 then
            perform sync.fault('PT413', 'A call takes at most 50 groups.');
        elsif last - first >= 1000 then
            perform sync.fault('PT413', 'A group takes at most 1000 edits.');
        elsif bytes > 1048576 then
            perform sync.fault('PT413', 'A group takes at most 1048576 bytes.');
        end if;
        first := last + 1;
    end loop;

    fields := sync.fields();
    known := sync.claim(device, ops);
    before := sync.failed_before(ops);
    if not sync.lock_rows(ops) then
        results := array(select coalesce(known -> i::text,
            jsonb_build_object('id', o -> 'id', 'code', 'retry', 'after_ms', 500))
            from unnest(list) with ordinality as x (o, i) order by i);
        perform sync.settle(to_jsonb(results));
        return jsonb_build_object('results', to_jsonb(results), 'server_time', clock_timestamp());
    end if;
    -- The locks may have been waited for: whoever lost their role or their session meanwhile does nothing any more.
    perform set_config('flyos.claims', '', true);
    word := sync.must(sync_push.schema);
    if word is not null then
        perform sync.settle((select coalesce(jsonb_agg(jsonb_build_object('id', o -> 'id', 'code', 'retry')), '[]')
            from jsonb_array_elements(ops) o));
        return jsonb_build_object('must', word);
    end if;
    select coalesce(jsonb_object_agg(id, place), '{}') into doubled from (
        select o ->> 'id' as id, min(i) as place from jsonb_array_elements(ops) with ordinality as x (o, i)
        group by 1 having count(*) > 1) d;
    plain := array(select p from unnest(sync.plain_edits(list, keys)) p
        where not known ? p::text and not doubled ? (list[p] ->> 'id'));

    first := 1;
    foreach last in array ends loop
        if first = any (plain) then
            stop := first;
            while stop + 1 = any (plain) and list[stop + 1] ->> 't' = list[first] ->> 't' loop
                stop := stop + 1;
            end loop;
            begin
                done := sync.carry_out_plain(list[first:stop], keys[first:stop]);
                for i in first .. stop loop
                    if keys[i] = any (done) then
                        results[i] := jsonb_build_object('id', list[i] -> 'id', 'code', 'applied', 'effects', '[]'::jsonb);
                    end if;
                end loop;
            exception when others then
                -- One of them is refused: each by itself says which, and lets the others in.
                null;
            end;
            plain := array(select p from unnest(plain) p where p > stop);
        end if;
        if results[first] is not null then
            first := last + 1;
            continue;
        end if;
        result := null;
        blocker := null;
        -- An edit that was answered before, and did not get in, settles its group; so does an id used twice.
        for i in first .. last loop
            at := i;
            op := list[at];
            earlier := (doubled ->> (op ->> 'id'))::int;
            if earlier < at and known -> at::text is null then
                -- In one call an id stands for one edit, and in one group it stands once.
                if earlier >= first or sync.hash_of(list[earlier]) <> sync.hash_of(op) then
                    known := known || jsonb_build_object(at, jsonb_build_object('id', op -> 'id', 'code', 'id_reused'));
                elsif results[earlier] ->> 'code' in ('applied', 'merged', 'noop', 'conflict', 'rejected', 'gone') then
                    known := known || jsonb_build_object(at, results[earlier] || '{"replayed": true}');
                end if;
            end if;
            result := known -> at::text;
            exit when result is not null and result ->> 'code' not in ('applied', 'merged', 'noop');
            result := null;
            if known -> at::text is null and blocker is null then
                select coalesce((select d #>> '{}' from jsonb_array_elements(op -> 'deps') d
                        where failed ? (d #>> '{}') or before ? (d #>> '{}') limit 1),
                    failed_rows ->> ((op ->> 't') || ' ' || keys[at]))
                into blocker;
            end if;
        end loop;
        if result is null and blocker is not null then
            for i in first .. last loop
                results[i] := jsonb_build_object('id', list[i] -> 'id', 'code', 'blocked', 'op', blocker);
            end loop;
        elsif result is null then
            part := '{}';
            begin
                -- What follows from one group, however many edits it has, is weighed together.
                perform set_config('flyos.weight', '', true);
                for i in first .. last loop
                    at := i;
                    op := list[at];
                    if known -> at::text is not null then
                        part := part || (known -> at::text);
                        continue;
                    end if;
                    cascades := op ->> 'k' = 'delete' or op -> 'set' ? 'region_id';
                    perform set_config('flyos.edits', '* ' || (op ->> 'id') || ' ' || coalesce(op ->> 'reason', ''), true),
                        set_config('flyos.noted', case when cascades then '[]' else '' end, true);
                    code := sync.carry_out(op, fields);
                    part := part || jsonb_build_object('id', op -> 'id', 'code', code, 'effects', case
                        when code <> 'noop' and cascades then sync.effects_of(op ->> 't', keys[at])
                        else '[]' end);
                end loop;
                results[first:last] := part;
            exception when others then
                get stacked diagnostics state = returned_sqlstate, message = message_text,
                    detail = pg_exception_detail, constr = constraint_name, col = column_name;
                result := jsonb_build_object('id', op -> 'id')
                    || sync.outcome_of(state, message, detail, constr, col);
                if result ->> 'code' = 'retry' then
                    raise log 'flyos: edit % is to be sent again: % %', op ->> 'id', state, message;
                end if;
            end;
        end if;
        -- The culprit carries its answer, the others of its group wait behind it.
        if result is not null then
            for i in first .. last loop
                results[i] := case when i = at then result else
                    jsonb_build_object('id', list[i] -> 'id', 'code', 'blocked', 'op', result -> 'id') end;
            end loop;
        end if;
        if result is not null or blocker is not null then
            for i in first .. last loop
                op := list[i];
                failed := failed || jsonb_build_object(op ->> 'id', true);
                code := (op ->> 't') || ' ' || keys[i];
                if not failed_rows ? code then
                    failed_rows := failed_rows || jsonb_build_object(code, op ->> 'id');
                end if;
            end loop;
        end if;
        first := last + 1;
    end loop;
    perform set_config('flyos.edits', '', true);

    -- The versions as they are at the end: a pull brings everything of this call at once.
    vers := sync.versions_of((select coalesce(jsonb_agg(jsonb_build_array(o ->> 't', keys[i]) order by i), '[]')
        from unnest(list) with ordinality as x (o, i)));
    for i in 1 .. n loop
        if results[i] ->> 'code' in ('applied', 'merged', 'noop') and not results[i] ? 'v' then
            results[i] := results[i] || jsonb_build_object('v', vers -> (i - 1));
        end if;
    end loop;
    perform sync.settle(to_jsonb(results));
    perform sync.report(device, sync_push.report);
    perform sync.prune(100);
    return jsonb_build_object('results', to_jsonb(results), 'server_time', clock_timestamp());
end
$$;

revoke execute on all functions in schema sync from public;
grant execute on function
    sync.check_ops(jsonb), sync.are_fields(jsonb), sync.lock_rows(jsonb), sync.claim(uuid, jsonb), sync.hash_of(jsonb),
    sync.failed_before(jsonb), sync.settle(jsonb), sync.versions_of(jsonb), sync.effects_of(text, text),
    sync.was_seen(text, text), sync.is_there(text, text), sync.last_write(text, text), sync.noun(text),
    sync.key_of(text, text), sync.fields(), sync.missing(text, jsonb),
    sync.stop(jsonb), sync.check_set(jsonb, jsonb), sync.merge(jsonb, jsonb, jsonb), sync.carry_out(jsonb, jsonb),
    sync.plain_columns(text), sync.plain_edits(jsonb[], text[]), sync.carry_out_plain(jsonb[], text[]),
    sync.unforeseen(jsonb, text, uuid), sync.check_drops(jsonb, text, uuid),
    sync.same_time(text, text), sync.outcome_of(text, text, text, text, text), sync.report(uuid, jsonb),
    sync.prune(int)
    to authenticated;
grant execute on function flyos.check_value(text, text, text), flyos.harmful() to authenticated;
revoke execute on function public.sync_push(uuid, uuid, int, jsonb, jsonb) from public, anon, service_role;
grant execute on function public.sync_push(uuid, uuid, int, jsonb, jsonb) to authenticated;
