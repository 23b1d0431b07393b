-- Who calls, what they may see and write: row-level security by the role table, from the `profiles` row.
--
-- A policy cannot say "this column": column grants keep the server's own columns, and the guards of the next file
-- compare old and new column by column. Nothing is granted by default; every grant stands here.

set local client_min_messages = warning;

-- The sign-in server and service_role write as themselves; the API's roles need to reach the helpers that
-- policies and triggers call. The schema is not exposed, so none of this can be called through the API.
grant usage on schema flyos to authenticated, service_role;

do $$
begin
    if to_regtype('flyos.actor') is null then
        create type flyos.actor as (must text, user_id uuid, role text, region_id uuid, username text);
    end if;
end
$$;

-- Who calls, or the word for who may not work: no_profile, inactive, signed_out (the session ended, or the account
-- is barred), aal2 (there is a verified second factor, and this token was got without it). Words of the profile
-- come first: whoever was dismissed must hear that, not be asked to sign in again.
--
-- Looked up once a transaction: every policy of every statement asks. What is remembered belongs to the claims it
-- was found for; a setting that lasts until the end of the transaction is as trustworthy as the claims
-- themselves, which are one too.
create or replace function flyos.caller() returns flyos.actor
language plpgsql stable security definer set search_path = '' as $$
declare
    claims text := coalesce(current_setting('request.jwt.claims', true), '');
    uid uuid;
    session text;
    profile record;
    found_caller flyos.actor;
begin
    if claims <> '' and current_setting('flyos.claims', true) = claims then
        return current_setting('flyos.caller')::flyos.actor;
    end if;
    uid := auth.uid();
    select p.id, p.role, p.region_id, p.status, p.username into profile from public.profiles p where p.auth_user_id = uid;
    if uid is null or not found then
        found_caller.must := 'no_profile';
    elsif profile.status is distinct from 'ACTIVE'
        or coalesce(profile.role, '') not in ('MAIN_HQ', 'REGIONAL_HQ', 'OPERATOR') then
        found_caller.must := 'inactive';
    else
        session := auth.jwt() ->> 'session_id';
        if session is null or session !~ '^[0-9a-fA-F-]{36}$'
            or not exists (select from auth.sessions s where s.id = session::uuid and s.user_id = uid
                and (s.not_after is null or s.not_after > now()))
            or exists (select from auth.users u where u.id = uid and u.banned_until > now()) then
            found_caller.must := 'signed_out';
        elsif coalesce(auth.jwt() ->> 'aal', 'aal1') <> 'aal2'
            and exists (select from auth.mfa_factors f where f.user_id = uid and f.status = 'verified') then
            found_caller.must := 'aal2';
        else
            found_caller := (null, profile.id, profile.role, profile.region_id, profile.username)::flyos.actor;
        end if;
    end if;
    if claims <> '' then
        perform set_config('flyos.caller', found_caller::text, true), set_config('flyos.claims', claims, true);
    end if;
    return found_caller;
end
$$;

-- Parts of that, for policies. In PL/pgSQL, since an SQL function that cannot be inlined costs five times as much.
create or replace function flyos.my_id() returns uuid
language plpgsql stable security definer set search_path = '' as $$ begin return (flyos.caller()).user_id; end $$;

create or replace function flyos.my_role() returns text
language plpgsql stable security definer set search_path = '' as $$ begin return (flyos.caller()).role; end $$;

create or replace function flyos.my_region() returns uuid
language plpgsql stable security definer set search_path = '' as $$ begin return (flyos.caller()).region_id; end $$;

-- The region that the caller commands: of a REGIONAL_HQ alone.
create or replace function flyos.my_command() returns uuid
language plpgsql stable security definer set search_path = '' as $$
declare
    me flyos.actor := flyos.caller();
begin
    return case when me.role = 'REGIONAL_HQ' then me.region_id end;
end
$$;

-- The drones operated by or assigned to the caller. MAIN_HQ sees all anyway.
create or replace function flyos.my_drones() returns text[]
language sql stable security definer set search_path = '' as $$
    select coalesce(array_agg(held.id), '{}')
    from flyos.caller() c,
        lateral (
            select d.id from public.drones d where d.operator_id = c.user_id
            union
            select a.drone_id from public.user_drone_assignments a where a.user_id = c.user_id
        ) held
    where c.role <> 'MAIN_HQ'
$$;

-- Policies that stood on the tables before would widen ours: they are taken down, and kept for the way back.
do $$
declare
    p record;
begin
    for p in
        select * from pg_catalog.pg_policies
        where schemaname = 'public' and tablename in ('regions', 'profiles', 'drones', 'user_drone_assignments')
            and policyname not like 'flyos\_%'
    loop
        insert into flyos.found_policy values (p.tablename, p.policyname, format(
            'create policy %I on public.%I as %s for %s to %s%s%s', p.policyname, p.tablename, p.permissive, p.cmd,
            (select string_agg(case when r = 'public' then r else quote_ident(r) end, ', ') from unnest(p.roles) r),
            ' using (' || p.qual || ')', ' with check (' || p.with_check || ')'))
        on conflict do nothing;
        execute format('drop policy %I on public.%I', p.policyname, p.tablename);
    end loop;
end
$$;

alter table public.regions enable row level security;
alter table public.profiles enable row level security;
alter table public.drones enable row level security;
alter table public.user_drone_assignments enable row level security;

revoke all on public.regions, public.profiles, public.drones, public.user_drone_assignments
    from public, anon, authenticated;
grant all on public.regions, public.profiles, public.drones, public.user_drone_assignments to service_role;
revoke truncate on public.regions, public.profiles, public.drones, public.user_drone_assignments from service_role;
-- By column: what else the owner keeps in these tables is not ours to show.
grant select (id, name, area, commander_name, status, created_at, updated_at), delete on public.regions
    to authenticated;
grant select (id, username, full_name, email, role, region_id, status, auth_user_id, created_at, updated_at), delete
    on public.profiles to authenticated;
grant select (id, model, status, region_id, operator_id, created_at, updated_at), delete on public.drones
    to authenticated;
grant select (user_id, drone_id, assigned_at, created_at, updated_at), delete on public.user_drone_assignments
    to authenticated;
-- The key too: an upsert sets it to what it is. Anything else is refused by a guard below, and by the rules.
grant insert (id, name, area, commander_name, status), update (id, name, area, commander_name, status)
    on public.regions to authenticated;
grant insert (id, username, full_name, email, role, region_id, status),
    update (id, username, full_name, email, role, region_id, status) on public.profiles to authenticated;
grant insert (id, model, status, region_id, operator_id), update (id, model, status, region_id, operator_id)
    on public.drones to authenticated;
grant insert (user_id, drone_id) on public.user_drone_assignments to authenticated;

-- Regions: MAIN_HQ all; everybody else their own.
drop policy if exists flyos_see on public.regions;
create policy flyos_see on public.regions for select to authenticated
    using ((select flyos.my_role()) = 'MAIN_HQ' or id = (select flyos.my_region()));
drop policy if exists flyos_add on public.regions;
create policy flyos_add on public.regions for insert to authenticated
    with check ((select flyos.my_role()) = 'MAIN_HQ');
drop policy if exists flyos_change on public.regions;
create policy flyos_change on public.regions for update to authenticated
    using ((select flyos.my_role()) = 'MAIN_HQ') with check ((select flyos.my_role()) = 'MAIN_HQ');
drop policy if exists flyos_remove on public.regions;
create policy flyos_remove on public.regions for delete to authenticated
    using ((select flyos.my_role()) = 'MAIN_HQ');

-- Users: MAIN_HQ all; REGIONAL_HQ those of the region, and self; OPERATOR self. Everybody may set their own name.
drop policy if exists flyos_see on public.profiles;
create policy flyos_see on public.profiles for select to authenticated
    using ((select flyos.my_role()) = 'MAIN_HQ' or id = (select flyos.my_id())
        or region_id = (select flyos.my_command()));
drop policy if exists flyos_add on public.profiles;
create policy flyos_add on public.profiles for insert to authenticated
    with check ((select flyos.my_role()) = 'MAIN_HQ');
drop policy if exists flyos_change on public.profiles;
create policy flyos_change on public.profiles for update to authenticated
    using ((select flyos.my_role()) = 'MAIN_HQ' or id = (select flyos.my_id()))
    with check ((select flyos.my_role()) = 'MAIN_HQ' or id = (select flyos.my_id()));
drop policy if exists flyos_remove on public.profiles;
create policy flyos_remove on public.profiles for delete to authenticated
    using ((select flyos.my_role()) = 'MAIN_HQ');

-- Drones: MAIN_HQ all; REGIONAL_HQ those of the region, and sees those held; OPERATOR those held.
drop policy if exists flyos_see on public.drones;
create policy flyos_see on public.drones for select to authenticated
    using ((select flyos.my_role()) = 'MAIN_HQ' or region_id = (select flyos.my_command())
        or id = any ((select flyos.my_drones())::text[]));
drop policy if exists flyos_add on public.drones;
create policy flyos_add on public.drones for insert to authenticated
    with check ((select flyos.my_role()) = 'MAIN_HQ');
drop policy if exists flyos_change on public.drones;
create policy flyos_change on public.drones for update to authenticated
    using ((select flyos.my_role()) = 'MAIN_HQ' or region_id = (select flyos.my_command())
        or ((select flyos.my_role()) = 'OPERATOR' and id = any ((select flyos.my_drones())::text[])))
    with check ((select flyos.my_role()) = 'MAIN_HQ' or region_id = (select flyos.my_command())
        or ((select flyos.my_role()) = 'OPERATOR' and id = any ((select flyos.my_drones())::text[])));
drop policy if exists flyos_remove on public.drones;
create policy flyos_remove on public.drones for delete to authenticated
    using ((select flyos.my_role()) = 'MAIN_HQ');

-- Assignments: MAIN_HQ all; REGIONAL_HQ those of the region's drones; everybody sees their own. A commander gives
-- drones of the region to users of the region, and takes them from anybody. There is nothing to update.
drop policy if exists flyos_see on public.user_drone_assignments;
create policy flyos_see on public.user_drone_assignments for select to authenticated
    using ((select flyos.my_role()) = 'MAIN_HQ' or user_id = (select flyos.my_id())
        or exists (select from public.drones d
            where d.id = drone_id and d.region_id = (select flyos.my_command())));
drop policy if exists flyos_add on public.user_drone_assignments;
create policy flyos_add on public.user_drone_assignments for insert to authenticated
    with check ((select flyos.my_role()) = 'MAIN_HQ'
        or (exists (select from public.drones d
                where d.id = drone_id and d.region_id = (select flyos.my_command()))
            and exists (select from public.profiles p
                where p.id = user_id and p.region_id = (select flyos.my_command()))));
drop policy if exists flyos_remove on public.user_drone_assignments;
create policy flyos_remove on public.user_drone_assignments for delete to authenticated
    using ((select flyos.my_role()) = 'MAIN_HQ'
        or exists (select from public.drones d
            where d.id = drone_id and d.region_id = (select flyos.my_command())));

-- Which role the deeds of a table need: for assignments also setting the operator.
create or replace function flyos.needs(p_tbl text) returns text language sql immutable parallel safe
    return case p_tbl
        when 'regions' then 'To create, change, delete regions needs the role MAIN_HQ.'
        when 'profiles' then 'To create, change, delete users needs the role MAIN_HQ.'
        when 'drones' then 'To create, delete drones; change model and region needs the role MAIN_HQ.'
        else 'To assign, unassign, set operator needs the role MAIN_HQ or REGIONAL_HQ.'
    end;

-- The key of a row as the protocol writes it.
create or replace function flyos.key_of_row(p_tbl text, p_row jsonb) returns text
language sql immutable parallel safe
    return case when p_tbl = 'user_drone_assignments' then (p_row ->> 'user_id') || ':' || (p_row ->> 'drone_id')
        else p_row ->> 'id' end;

-- The refusal of changing these columns of a row, in words; null where the caller may. Asked by the guards of
-- direct writes and by the push, in the words of the console's own policy table. `may_see` was asked before.
create or replace function flyos.no_update(p_tbl text, p_pk text, p_columns text[], p_region uuid, p_operator uuid)
returns text
language plpgsql stable security definer set search_path = '' as $$
declare
    me flyos.actor := flyos.caller();
    name text;
begin
    if me.role = 'MAIN_HQ' then
        return null;
    end if;
    foreach name in array p_columns loop
        if me.role is null then
            return 'You may do nothing here.';
        elsif p_tbl = 'regions' then
            return flyos.needs('regions');
        elsif p_tbl = 'profiles' and name <> 'full_name' then
            return flyos.needs('profiles');
        elsif p_tbl = 'profiles' and p_pk <> me.user_id::text then
            return 'Only one''s own name may be changed.';
        elsif p_tbl = 'drones' and name not in ('status', 'operator_id') then
            return flyos.needs('drones');
        elsif p_tbl = 'drones' and me.role = 'REGIONAL_HQ' then
            if p_region is distinct from me.region_id or p_region is null then
                return p_pk || ' is not in your region.';
            elsif name = 'operator_id' and p_operator is not null and not exists (select from public.profiles p
                    where p.id = p_operator and p.region_id = me.region_id) then
                return 'The new operator is not in your region.';
            end if;
        elsif p_tbl = 'drones' and name = 'operator_id' then
            return flyos.needs('user_drone_assignments');
        elsif p_tbl = 'drones' and not p_pk = any (flyos.my_drones()) then
            return p_pk || ' is not among your own.';
        end if;
    end loop;
    return null;
end
$$;

-- The refusal of making or deleting a row, in words; null where the caller may. The same words and askers.
create or replace function flyos.no_create(p_tbl text, p_pk text, p_delete boolean) returns text
language plpgsql stable security definer set search_path = '' as $$
declare
    me flyos.actor := flyos.caller();
begin
    if me.role = 'MAIN_HQ' then
        return null;
    elsif p_tbl <> 'user_drone_assignments' or me.role is distinct from 'REGIONAL_HQ' then
        return flyos.needs(p_tbl);
    elsif not exists (select from public.drones d where d.id = substr(p_pk, 38) and d.region_id = me.region_id) then
        return substr(p_pk, 38) || ' is not in your region.';
    elsif not p_delete and not exists (select from public.profiles p
            where p.id = left(p_pk, 36)::uuid and p.region_id = me.region_id) then
        return 'The user is not in your region.';
    end if;
    return null;
end
$$;

-- Holds a direct PATCH to the role table, column by column. Runs as whoever writes: where row-level security is
-- not active for them (our own cascades, which run as the tables' owner; service_role; administrators), there is
-- nothing to guard. No flag is needed that somebody could set.
create or replace function flyos.guard_profile() returns trigger
language plpgsql set search_path = '' as $$
declare
    refusal text;
begin
    if row_security_active('public.profiles') then
        refusal := flyos.no_update('profiles', old.id::text, array_remove(array[
            case when new.username is distinct from old.username then 'username' end,
            case when new.full_name is distinct from old.full_name then 'full_name' end,
            case when new.email is distinct from old.email then 'email' end,
            case when new.role is distinct from old.role then 'role' end,
            case when new.region_id is distinct from old.region_id then 'region_id' end,
            case when new.status is distinct from old.status then 'status' end,
            case when new.auth_user_id is distinct from old.auth_user_id or new.id <> old.id then 'id' end
        ], null), old.region_id, null);
        if refusal is not null then
            perform flyos.refuse('forbidden', null, refusal);
        end if;
    end if;
    return new;
end
$$;

create or replace function flyos.guard_drone() returns trigger
language plpgsql set search_path = '' as $$
declare
    refusal text;
begin
    if row_security_active('public.drones') then
        refusal := flyos.no_update('drones', old.id, array_remove(array[
            case when new.model is distinct from old.model then 'model' end,
            case when new.operator_id is distinct from old.operator_id then 'operator_id' end,
            case when new.region_id is distinct from old.region_id then 'region_id' end,
            case when new.status is distinct from old.status then 'status' end,
            case when new.id <> old.id then 'id' end
        ], null), old.region_id, new.operator_id);
        if refusal is not null then
            perform flyos.refuse('forbidden', null, refusal);
        end if;
    end if;
    return new;
end
$$;

-- Row-level security judges a new row after the rules have: they would tell whoever may make none which names and
-- addresses are taken, and who is where. So the question of who may comes first.
-- An upsert (`on conflict do update`) is judged as an insert, by row-level security as well, also where the row is there:
-- whoever may only change rows is told what to do instead, of rows they see.
create or replace function flyos.guard_insert() returns trigger
language plpgsql set search_path = '' as $$
declare
    refusal text;
    there boolean;
begin
    if row_security_active(tg_relid) and flyos.my_role() is distinct from 'MAIN_HQ' then
        refusal := flyos.no_create(tg_table_name, flyos.key_of_row(tg_table_name, to_jsonb(new)), false);
        if refusal is not null then
            if tg_table_name <> 'user_drone_assignments' then
                execute format('select exists (select from public.%I t where t.id = $1.id)', tg_table_name) into there using new;
                if there then
                    refusal := 'This row is there already, and an upsert is judged as an insert, which needs the role MAIN_HQ:'
                        ' to change it, use PATCH (update).';
                end if;
            end if;
            perform flyos.refuse('forbidden', null, refusal);
        end if;
    end if;
    return new;
end
$$;

-- Updating the key is granted for upserts alone, which leave it as it is.
create or replace function flyos.guard_key() returns trigger
language plpgsql set search_path = '' as $$
begin
    if row_security_active(tg_relid) then
        perform flyos.refuse('forbidden', 'id', 'Id is set by the server and cannot be edited.');
    end if;
    return new;
end
$$;

drop trigger if exists flyos_1_guard on public.profiles;
create trigger flyos_1_guard before update on public.profiles for each row execute function flyos.guard_profile();
drop trigger if exists flyos_1_guard on public.drones;
create trigger flyos_1_guard before update on public.drones for each row execute function flyos.guard_drone();

do $$
declare
    tbl text;
begin
    foreach tbl in array array['regions', 'profiles', 'drones', 'user_drone_assignments'] loop
        execute format('drop trigger if exists flyos_1_guard_insert on public.%I', tbl);
        execute format('create trigger flyos_1_guard_insert before insert on public.%I
            for each row execute function flyos.guard_insert()', tbl);
        continue when tbl = 'user_drone_assignments';
        execute format('drop trigger if exists flyos_1_guard_key on public.%I', tbl);
        execute format('create trigger flyos_1_guard_key before update on public.%I for each row
            when (new.id is distinct from old.id) execute function flyos.guard_key()', tbl);
    end loop;
end
$$;

-- TRUNCATE passes row triggers by: nobody would hear of the rows that went.
create or replace function flyos.no_truncate() returns trigger
language plpgsql set search_path = '' as $$
begin
    raise exception using errcode = 'feature_not_supported',
        message = format('Table %I cannot be truncated: consoles would not hear of it.', tg_table_name),
        hint = 'Delete the rows instead; TRUNCATE fires no row triggers.';
end
$$;

do $$
declare
    tbl text;
begin
    foreach tbl in array array['regions', 'profiles', 'drones', 'user_drone_assignments'] loop
        execute format('drop trigger if exists flyos_no_truncate on public.%I', tbl);
        execute format('create trigger flyos_no_truncate before truncate on public.%I
            for each statement execute function flyos.no_truncate()', tbl);
    end loop;
end
$$;

-- A view shows what its owner may see, who passes our policies by: one of somebody else's over these tables, given to
-- the API's roles, still shows all of it. It is not ours to take away; it is told.
do $$
declare
    v record;
begin
    for v in
        select distinct c.oid::regclass as name from pg_catalog.pg_rewrite w
        join pg_catalog.pg_class c on c.oid = w.ev_class and c.relkind in ('v', 'm')
        join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = w.oid
        where d.refobjid in ('public.regions'::regclass, 'public.profiles'::regclass, 'public.drones'::regclass,
                'public.user_drone_assignments'::regclass)
            and c.relnamespace <> 'flyos'::regnamespace
            and not coalesce(c.reloptions, '{}') && '{security_invoker=true,security_invoker=on,security_invoker=1}'
            and (has_any_column_privilege('anon', c.oid, 'select')
                or has_any_column_privilege('authenticated', c.oid, 'select'))
    loop
        raise warning 'flyos: the view % still shows rows to people who may not see them: "alter view % set'
            ' (security_invoker = true)", or revoke it.', v.name, v.name;
    end loop;
end
$$;

revoke execute on all functions in schema flyos from public;
grant execute on function
    flyos.caller(), flyos.my_id(), flyos.my_role(), flyos.my_region(), flyos.my_command(), flyos.my_drones(),
    flyos.no_update(text, text, text[], uuid, uuid), flyos.no_create(text, text, boolean),
    flyos.key_of_row(text, jsonb), flyos.refuse(text, text, text)
    to authenticated, service_role;
