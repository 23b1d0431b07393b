-- The relation rules: what may stand beside what, and what follows from a change. They hold for everybody who
-- writes: the console, Studio, SQL, supabase-js.
--
-- * Values and relations are judged for the columns that change: a flawed old row can be mended field by field.
-- * Each rule that looks at other rows locks them first, in an EARLIER statement than the one that looks: a
--   trigger's function is volatile, so the later statement sees what was committed while it waited.
-- * Locks go in the order region, user, drone, assignment. A drone's row lock is what holds its assignments and
--   its scopes together: whoever adds or takes an assignment takes it first.
-- * The rule "a drone's operator is among its assigned users" is a foreign key with ON DELETE SET NULL
--   (operator_id): it cannot race, and clears the operator when that assignment goes.
-- * A row that is there is inserted by an upsert alone, which turns into an update: it is judged as that. It is held
--   before, so that it cannot go meanwhile and be made without having been judged.
-- * Functions run as the owner (so that rows the caller cannot see are judged too), with an empty search path.
-- * Whoever comes through the API writes only so many rows at once by what follows from a change (`cascade_max`).

set local client_min_messages = warning;

-- Rows that the unique indexes leave out: old rows whose names were doubled before there were rules.
create table if not exists flyos.exempt (tbl text, name text, pk text, primary key (tbl, name, pk));

-- The caller, for the log: without a profile for administrators and for the sign-in server.
create or replace function flyos.writer() returns flyos.actor
language plpgsql stable security definer set search_path = '' as $$
begin
    return case when coalesce(current_setting('request.jwt.claims', true), '') <> '' then flyos.caller() end;
end
$$;

-- What people know a user or a region by, in a refusal: the name, which an old row may lack.
create or replace function flyos.known_as(p_name text, p_id uuid) returns text
language sql immutable parallel safe set search_path = '' as $$ select coalesce(nullif(p_name, ''), p_id::text) $$;

-- The rules look at rows that others may have changed while they waited: under a snapshot of the whole transaction they
-- would not see it, and hold no more.
create or replace function flyos.demand_read_committed() returns void
language plpgsql stable set search_path = '' as $$
begin
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception using errcode = 'feature_not_supported',
            message = 'These tables are written under READ COMMITTED alone.',
            hint = 'Begin the transaction without another isolation level; nothing was written.';
    end if;
end
$$;

-- The region must be there and, since it gets a new member, be ACTIVE. Holds it until the transaction ends.
create or replace function flyos.take_member(p_region uuid) returns void
language plpgsql security definer set search_path = '' as $$
declare
    region record;
begin
    select r.name, r.status into region from public.regions r where r.id = p_region for share;
    if not found then
        perform flyos.refuse('reference', 'region_id', 'There is no such region.');
    elsif region.status is distinct from 'ACTIVE' then
        perform flyos.refuse('invalid', 'region_id',
            flyos.known_as(region.name, p_region) || ' is INACTIVE and takes no new members.');
    end if;
end
$$;

-- May this user fly this drone? Active, and in its region when it has one, which must be ACTIVE. The rows were
-- locked in an earlier statement.
create or replace function flyos.check_fit(p_user uuid, p_drone text, p_region uuid, p_field text) returns void
language plpgsql security definer set search_path = '' as $$
declare
    person record;
    region record;
begin
    select p.username, p.status, p.region_id into person from public.profiles p where p.id = p_user;
    if not found then
        perform flyos.refuse('reference', p_field, 'There is no such user.');
    elsif person.status is distinct from 'ACTIVE' then
        perform flyos.refuse('invalid', p_field,
            flyos.known_as(person.username, p_user) || ' is INACTIVE and takes no new assignments.');
    end if;
    if p_region is null then
        return;
    end if;
    select r.name, r.status into region from public.regions r where r.id = p_region;
    if person.region_id is distinct from p_region then
        perform flyos.refuse('invalid', p_field, flyos.known_as(person.username, p_user) || ' is not in '
            || coalesce(region.name, 'another region') || ', where ' || p_drone || ' is.');
    elsif region.status is distinct from 'ACTIVE' then
        perform flyos.refuse('invalid', p_field,
            flyos.known_as(region.name, p_region) || ' is INACTIVE and takes no new assignments.');
    end if;
end
$$;

-- Has another row this name, without regard to case? The unique index is what holds when two take it at once; this
-- says it in words, and in the order of the other checks. Old rows of doubled names stand outside the index
-- (`flyos.exempt`, see "takeover"): one that takes a new name locks everybody out, since no index can see it.
create or replace function flyos.check_taken(p_tbl text, p_name text, p_value text, p_pk text) returns void
language plpgsql security definer set search_path = '' set enable_seqscan = off as $$
declare
    wanted text := lower(p_value collate "und-x-icu");
    taken boolean;
begin
    if exists (select from flyos.exempt e where e.tbl = p_tbl and e.name = p_name and e.pk = p_pk) then
        execute format('lock table public.%I in share row exclusive mode', p_tbl);
    end if;
    if p_tbl = 'profiles' and p_name = 'username' then
        taken := exists (select from public.profiles t
            where lower(t.username collate "und-x-icu") = wanted and t.id <> p_pk::uuid);
    elsif p_tbl = 'profiles' then
        taken := exists (select from public.profiles t
            where lower(t.email collate "und-x-icu") = wanted and t.id <> p_pk::uuid);
    elsif p_tbl = 'regions' then
        taken := exists (select from public.regions t
            where lower(t.name collate "und-x-icu") = wanted and t.id <> p_pk::uuid);
    else
        taken := exists (select from public.drones t
            where lower(t.id collate "und-x-icu") = wanted and t.id <> p_pk);
    end if;
    if taken then
        perform flyos.refuse('unique', p_name, (select f.title from flyos.field f where f.tbl = p_tbl
            and f.name = p_name) || ' ' || p_value || ' is taken.');
    end if;
end
$$;

create or replace function flyos.rules_region() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    if tg_op = 'INSERT' then
        perform flyos.check_value('regions', f.name, f.value)
        from (values ('area', new.area), ('commander_name', new.commander_name), ('name', new.name),
            ('status', new.status)) as f (name, value);
        perform from public.regions t where t.id = new.id for key share;
        if found then
            return new;
        end if;
        perform flyos.check_taken('regions', 'name', new.name, new.id::text);
        new.created_at := coalesce(new.created_at, now());
        new.updated_at := coalesce(new.updated_at, now());
        return new;
    end if;
    if new is not distinct from old then
        return new;
    end if;
    if new.id <> old.id then
        perform flyos.refuse('invalid', 'id', 'Id is set by the server and cannot be edited.');
    end if;
    if new.area is distinct from old.area then
        perform flyos.check_value('regions', 'area', new.area);
    end if;
    if new.commander_name is distinct from old.commander_name then
        perform flyos.check_value('regions', 'commander_name', new.commander_name);
    end if;
    if new.name is distinct from old.name then
        perform flyos.check_value('regions', 'name', new.name);
        perform flyos.check_taken('regions', 'name', new.name, new.id::text);
    end if;
    if new.status is distinct from old.status then
        perform flyos.check_value('regions', 'status', new.status);
    end if;
    new.updated_at := now();
    return new;
end
$$;

-- A region goes: its users and drones stay, without a region. Drones first, so that no assignment ever fails to
-- fit on the way.
create or replace function flyos.region_goes() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    perform from public.profiles p where p.region_id = old.id order by p.id for no key update;
    perform from public.drones d where d.region_id = old.id order by d.id for no key update;
    update public.drones set region_id = null where region_id = old.id;
    update public.profiles set region_id = null where region_id = old.id;
    return old;
end
$$;

-- The last active MAIN_HQ stays. One fixed lock for whoever takes one away: two that demote each other at once
-- would both see the other still there.
create or replace function flyos.keep_main_hq(p_id uuid, p_field text) returns void
language plpgsql security definer set search_path = '' as $$
begin
    perform pg_advisory_xact_lock(7160110);
    if not exists (select from public.profiles p
            where p.id <> p_id and p.role = 'MAIN_HQ' and p.status = 'ACTIVE') then
        perform flyos.refuse('invalid', p_field,
            'This is the last active MAIN_HQ user: make another one first.');
    end if;
end
$$;

create or replace function flyos.rules_profile() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    perform flyos.demand_read_committed();
    if tg_op = 'INSERT' then
        perform flyos.check_value('profiles', f.name, f.value)
        from (values ('email', new.email), ('full_name', new.full_name), ('role', new.role),
            ('status', new.status), ('username', new.username)) as f (name, value);
        perform from public.profiles t where t.id = new.id for key share;
        if found then
            return new;
        end if;
        perform flyos.check_taken('profiles', 'email', new.email, new.id::text);
        if new.region_id is not null then
            perform flyos.take_member(new.region_id);
        end if;
        perform flyos.check_taken('profiles', 'username', new.username, new.id::text);
        new.created_at := coalesce(new.created_at, now());
        new.updated_at := coalesce(new.updated_at, now());
        return new;
    end if;
    if tg_op = 'DELETE' then
        if old.role = 'MAIN_HQ' and old.status = 'ACTIVE' then
            perform flyos.keep_main_hq(old.id, 'status');
        end if;
        -- The drones whose assignments go with the user, in their order.
        perform from public.drones d
            where d.id in (select a.drone_id from public.user_drone_assignments a where a.user_id = old.id)
            order by d.id for no key update;
        return old;
    end if;
    if new is not distinct from old then
        return new;
    end if;
    if new.id <> old.id then
        perform flyos.refuse('invalid', 'id', 'Id is set by the server and cannot be edited.');
    end if;
    if new.email is distinct from old.email then
        perform flyos.check_value('profiles', 'email', new.email);
        -- A linked address changes with the account's, and this is that change or it is refused.
        if old.auth_user_id is not null and new.auth_user_id is not distinct from old.auth_user_id
            and not exists (select from auth.users u
                where u.id = old.auth_user_id and lower(u.email) = lower(new.email)) then
            perform flyos.refuse('invalid', 'email',
                'The e-mail belongs to a sign-in account: change it there, and it changes here.');
        end if;
        perform flyos.check_taken('profiles', 'email', new.email, new.id::text);
    end if;
    if new.full_name is distinct from old.full_name then
        perform flyos.check_value('profiles', 'full_name', new.full_name);
    end if;
    if new.region_id is distinct from old.region_id and new.region_id is not null then
        perform flyos.take_member(new.region_id);
    end if;
    if new.role is distinct from old.role then
        perform flyos.check_value('profiles', 'role', new.role);
    end if;
    if new.status is distinct from old.status then
        perform flyos.check_value('profiles', 'status', new.status);
    end if;
    if new.username is distinct from old.username then
        perform flyos.check_value('profiles', 'username', new.username);
        perform flyos.check_taken('profiles', 'username', new.username, new.id::text);
    end if;
    if old.role = 'MAIN_HQ' and old.status = 'ACTIVE'
        and (new.role is distinct from 'MAIN_HQ' or new.status is distinct from 'ACTIVE') then
        perform flyos.keep_main_hq(old.id, case when new.role is distinct from old.role then 'role' else 'status' end);
    end if;
    new.updated_at := now();
    return new;
end
$$;

-- A user who moved loses the drones of other regions; what has no region is kept.
create or replace function flyos.user_moved() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    perform from public.drones d
        where d.id in (select a.drone_id from public.user_drone_assignments a where a.user_id = new.id)
        order by d.id for no key update;
    delete from public.user_drone_assignments a using public.drones d
        where a.user_id = new.id and d.id = a.drone_id
            and d.region_id is not null and d.region_id is distinct from new.region_id;
    return null;
end
$$;

create or replace function flyos.rules_drone() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    perform flyos.demand_read_committed();
    if tg_op = 'INSERT' then
        perform flyos.check_value('drones', f.name, f.value)
        from (values ('id', new.id), ('model', new.model), ('status', new.status)) as f (name, value);
        perform from public.drones t where t.id = new.id for key share;
        if found then
            return new;
        end if;
        perform flyos.check_taken('drones', 'id', new.id, new.id);
        if new.operator_id is not null and not exists (select from public.profiles p where p.id = new.operator_id) then
            perform flyos.refuse('reference', 'operator_id', 'There is no such user.');
        end if;
        if new.region_id is not null then
            perform flyos.take_member(new.region_id);
        end if;
        if new.operator_id is not null then
            perform flyos.check_fit(new.operator_id, new.id, new.region_id, 'operator_id');
            perform flyos.refuse('invalid', 'operator_id', (select flyos.known_as(p.username, p.id)
                from public.profiles p where p.id = new.operator_id) || ' is not assigned to ' || new.id || ': assign first.');
        end if;
        new.created_at := coalesce(new.created_at, now());
        new.updated_at := coalesce(new.updated_at, now());
        return new;
    end if;
    if new is not distinct from old then
        return new;
    end if;
    if new.id <> old.id then
        perform flyos.refuse('invalid', 'id', 'Id is set by the server and cannot be edited.');
    end if;
    if new.model is distinct from old.model then
        perform flyos.check_value('drones', 'model', new.model);
    end if;
    if new.status is distinct from old.status then
        perform flyos.check_value('drones', 'status', new.status);
    end if;
    if new.operator_id is distinct from old.operator_id and new.operator_id is not null
        and not exists (select from public.profiles p where p.id = new.operator_id) then
        perform flyos.refuse('reference', 'operator_id', 'There is no such user.');
    end if;
    if new.region_id is distinct from old.region_id and new.region_id is not null then
        -- A user who moves at the same time waits for this row, or this waits for them, since they lock the drones
        -- they hold: whichever comes second sees where the other is. To lock the users here would be out of order.
        perform flyos.take_member(new.region_id);
    end if;
    if new.operator_id is distinct from old.operator_id and new.operator_id is not null then
        perform from public.profiles p where p.id = new.operator_id for share;
        perform flyos.check_fit(new.operator_id, new.id, new.region_id, 'operator_id');
        perform from public.user_drone_assignments a
            where a.user_id = new.operator_id and a.drone_id = new.id for key share;
        if not found then
            perform flyos.refuse('invalid', 'operator_id', (select flyos.known_as(p.username, p.id)
                from public.profiles p where p.id = new.operator_id) || ' is not assigned to ' || new.id || ': assign first.');
        end if;
    end if;
    new.updated_at := now();
    return new;
end
$$;

-- A drone that moved loses the users of other regions; the foreign key clears the operator with them.
create or replace function flyos.drone_moved() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    if new.region_id is not null then
        delete from public.user_drone_assignments a
            where a.drone_id = new.id and not exists (select from public.profiles p
                where p.id = a.user_id and p.region_id = new.region_id);
    end if;
    return null;
end
$$;

create or replace function flyos.rules_assignment() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
    drone record;
    region uuid;
begin
    perform flyos.demand_read_committed();
    if tg_op = 'DELETE' then
        perform from public.drones d where d.id = old.drone_id for no key update;
        return old;
    end if;
    if tg_op = 'UPDATE' then
        if new.user_id <> old.user_id or new.drone_id <> old.drone_id
            or new.assigned_at is distinct from old.assigned_at then
            perform flyos.refuse('invalid', 'assigned_at',
                'An assignment has nothing to edit: unassign and assign anew.');
        end if;
        return new;
    end if;
    select d.region_id into region from public.drones d where d.id = new.drone_id;
    perform from public.regions r where r.id = region for share;
    perform from public.profiles p where p.id = new.user_id for share;
    select d.region_id into drone from public.drones d where d.id = new.drone_id for no key update;
    if not found then
        perform flyos.refuse('reference', 'drone_id', 'There is no drone ' || new.drone_id || '.');
    end if;
    -- It moved while we waited: the region it is in now must be held too.
    if drone.region_id is distinct from region then
        perform from public.regions r where r.id = drone.region_id for share;
    end if;
    perform flyos.check_fit(new.user_id, new.drone_id, drone.region_id, 'user_id');
    new.assigned_at := coalesce(new.assigned_at, now());
    return new;
end
$$;

-- What follows from a change is written with it. The API's callers have 8 s for a statement, and an edit that takes
-- longer would be sent again for ever: above so many rows it is refused them in words. A row takes 0.3 to 0.6 ms,
-- 0.9 ms on a busy machine (`tests/bench/README.md`): so many take 3 s, or 4.5 s.
-- The console's own bound is the same: `rules::CASCADE_ROWS_MAX`.
create or replace function flyos.cascade_max() returns int language sql immutable parallel safe return 5000;

-- How many rows are written, or their scopes, because a row goes or moves: an assignment that goes counts with its drone.
create or replace function flyos.weight(p_tbl text, p_pk text, p_goes boolean, p_region uuid) returns bigint
language plpgsql stable security definer set search_path = '' as $$
begin
    if p_tbl = 'regions' then
        return (select count(*) from public.drones d where d.region_id = p_pk::uuid)
            + (select count(*) from public.profiles p where p.region_id = p_pk::uuid)
            + (select count(*) from public.drones d join public.user_drone_assignments a on a.drone_id = d.id
                where d.region_id = p_pk::uuid);
    elsif p_tbl = 'profiles' then
        return 2 * (select count(*) from public.user_drone_assignments a join public.drones d on d.id = a.drone_id
            where a.user_id = p_pk::uuid
                and (p_goes or (d.region_id is not null and d.region_id is distinct from p_region)));
    end if;
    return (select count(*) from public.user_drone_assignments a where a.drone_id = p_pk)
        * case when p_goes then 1 else 2 end;
end
$$;

-- Holds whoever comes through the API to that bound: all rows of one statement together, and all edits of one group.
-- Where row-level security is not active (the owner, service_role, our own cascades) there is none.
create or replace function flyos.guard_weight() returns trigger
language plpgsql set search_path = '' as $$
declare
    weight bigint;
begin
    if row_security_active(tg_relid) then
        weight := flyos.weight(tg_table_name, old.id::text, tg_op = 'DELETE',
            case when tg_op = 'UPDATE' then (to_jsonb(new) ->> 'region_id')::uuid end);
        if weight > 0 then
            weight := weight + coalesce(nullif(current_setting('flyos.weight', true), ''), '0')::bigint;
            if weight > flyos.cascade_max() then
                perform flyos.refuse('invalid', null, format('%s users, drones and assignments would change with this, and'
                    ' at most %s can at once: move or unassign some of them first, in parts.', weight, flyos.cascade_max()));
            end if;
            perform set_config('flyos.weight', weight::text, true);
        end if;
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end
$$;

drop trigger if exists flyos_2_rules on public.regions;
create trigger flyos_2_rules before insert or update on public.regions
    for each row execute function flyos.rules_region();
drop trigger if exists flyos_3_goes on public.regions;
create trigger flyos_3_goes before delete on public.regions for each row execute function flyos.region_goes();
drop trigger if exists flyos_2_rules on public.profiles;
create trigger flyos_2_rules before insert or update or delete on public.profiles
    for each row execute function flyos.rules_profile();
drop trigger if exists flyos_3_moved on public.profiles;
create trigger flyos_3_moved after update on public.profiles for each row
    when (new.region_id is distinct from old.region_id) execute function flyos.user_moved();
drop trigger if exists flyos_2_rules on public.drones;
create trigger flyos_2_rules before insert or update on public.drones
    for each row execute function flyos.rules_drone();
drop trigger if exists flyos_3_moved on public.drones;
create trigger flyos_3_moved after update on public.drones for each row
    when (new.region_id is distinct from old.region_id) execute function flyos.drone_moved();
drop trigger if exists flyos_2_rules on public.user_drone_assignments;
create trigger flyos_2_rules before insert or update or delete on public.user_drone_assignments
    for each row execute function flyos.rules_assignment();

-- After the rules, before what they bring about.
do $$
declare
    tbl text;
begin
    foreach tbl in array array['regions', 'profiles', 'drones'] loop
        execute format('drop trigger if exists flyos_2_weigh_goes on public.%I', tbl);
        execute format('create trigger flyos_2_weigh_goes before delete on public.%I
            for each row execute function flyos.guard_weight()', tbl);
        continue when tbl = 'regions';
        execute format('drop trigger if exists flyos_2_weigh_moves on public.%I', tbl);
        execute format('create trigger flyos_2_weigh_moves before update on public.%I for each row
            when (new.region_id is distinct from old.region_id) execute function flyos.guard_weight()', tbl);
    end loop;
end
$$;

revoke execute on all functions in schema flyos from public;
grant execute on function flyos.cascade_max(), flyos.weight(text, text, boolean, uuid) to authenticated, service_role;
