-- What is there before us: looked at first, so that a project we could not work on is left untouched; then written
-- down, so that `rollback.sql` can leave it as it was.
--
-- Schema `flyos` holds what the rules need: it is not exposed through the API.

set local client_min_messages = warning;

-- Every reason why these tables cannot be taken over, at once, each with what to do. Only before the first time:
-- later everything is ours.
do $$
declare
    faults text;
    twice text;
begin
    if to_regclass('flyos.found') is not null then
        return;
    end if;
    if exists (select from pg_catalog.pg_attribute a
            where a.attrelid = to_regclass('public.profiles') and a.attname = 'auth_user_id' and not a.attisdropped) then
        execute 'select string_agg(x.auth_user_id::text, '', '') from (select p.auth_user_id from public.profiles p
            where p.auth_user_id is not null group by 1 having count(*) > 1 order by 1 limit 5) x' into twice;
    end if;
    with wanted (tbl, name, type) as (
        values ('regions', 'id', 'uuid'), ('regions', 'name', 'text'), ('regions', 'area', 'text'),
            ('regions', 'commander_name', 'text'), ('regions', 'status', 'text'),
            ('regions', 'created_at', 'timestamptz'), ('regions', 'updated_at', 'timestamptz'),
            ('profiles', 'id', 'uuid'), ('profiles', 'username', 'text'), ('profiles', 'full_name', 'text'),
            ('profiles', 'email', 'text'), ('profiles', 'role', 'text'), ('profiles', 'region_id', 'uuid'),
            ('profiles', 'status', 'text'), ('profiles', 'auth_user_id', 'uuid'),
            ('profiles', 'created_at', 'timestamptz'), ('profiles', 'updated_at', 'timestamptz'),
            ('drones', 'id', 'text'), ('drones', 'model', 'text'), ('drones', 'status', 'text'),
            ('drones', 'region_id', 'uuid'), ('drones', 'operator_id', 'uuid'),
            ('drones', 'created_at', 'timestamptz'), ('drones', 'updated_at', 'timestamptz'),
            ('user_drone_assignments', 'user_id', 'uuid'), ('user_drone_assignments', 'drone_id', 'text'),
            ('user_drone_assignments', 'assigned_at', 'timestamptz'),
            ('user_drone_assignments', 'created_at', 'timestamptz'),
            ('user_drone_assignments', 'updated_at', 'timestamptz'),
            -- The history, where an earlier time left it.
            ('activity', 'id', 'int8'), ('activity', 'at', 'timestamptz'), ('activity', 'op_id', 'uuid'),
            ('activity', 'actor_id', 'uuid'), ('activity', 'actor_name', 'text'), ('activity', 'tbl', 'text'),
            ('activity', 'pk', 'text'), ('activity', 'kind', 'text'), ('activity', 'field', 'text'),
            ('activity', 'old', 'text'), ('activity', 'new', 'text'), ('activity', 'reason', 'text'),
            ('activity', 'scopes', '_text')
    ), keys (tbl, columns) as (
        values ('regions', '{id}'::text[]), ('profiles', '{id}'), ('drones', '{id}'),
            ('user_drone_assignments', '{drone_id,user_id}'), ('activity', '{id}')
    ), tables as (
        select k.tbl, k.columns, c.oid, c.relkind, c.relowner
        from keys k join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass('public.' || k.tbl)
    ), columns as (
        select t.tbl, a.*, y.typname from tables t
        join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
        join pg_catalog.pg_type y on y.oid = a.atttypid
    ), wrong (fault) as (
        select format('Schema %s is there and is not ours: rename it.', n.nspname) from pg_catalog.pg_namespace n
        where n.nspname in ('flyos', 'sync')
            and coalesce(pg_catalog.obj_description(n.oid, 'pg_namespace'), '') not like 'FlyOS Console:%'
        union all
        select format('public.%s is no ordinary table: rename it.', t.tbl) from tables t where t.relkind <> 'r'
        union all
        select format('public.%s belongs to another role: "alter table public.%s owner to %s".', t.tbl, t.tbl,
            current_user) from tables t where not pg_catalog.pg_has_role(t.relowner, 'usage')
        union all
        select format('public.%s has no primary key of %s: make it one.', t.tbl, array_to_string(t.columns, ', '))
        from tables t
        where t.relkind = 'r' and not exists (select from pg_catalog.pg_index i
            where i.indrelid = t.oid and i.indisprimary and i.indimmediate and t.columns = array(
                select a.attname::text from pg_catalog.pg_attribute a
                where a.attrelid = t.oid and a.attnum = any (i.indkey) order by a.attname))
        union all
        select format('public.%s.%s is of type %s, and must be %s: "alter table public.%s alter %s type %s".', w.tbl,
            w.name, c.typname, w.type, w.tbl, w.name, w.type)
        from wanted w join columns c on c.tbl = w.tbl and c.attname = w.name where c.typname <> w.type
        union all
        select format('public.%s.%s must be given in every new row, which nobody here would do: give it a default.',
            c.tbl, c.attname)
        from columns c left join wanted w on w.tbl = c.tbl and w.name = c.attname
        where w.name is null and c.tbl <> 'activity' and c.attnotnull and not c.atthasdef and c.attidentity = ''
        union all
        select format('public.activity is there and is not ours (it has no column %s): rename it.', min(w.name))
        from wanted w join tables t on t.tbl = w.tbl left join columns c on c.tbl = w.tbl and c.attname = w.name
        where w.tbl = 'activity' and c.attname is null having count(*) > 0
        union all
        select format('public.profiles.auth_user_id says of several people that they are one account: %s.', twice)
        where twice is not null
    )
    select string_agg(fault, E'\n' order by fault) into faults from wrong;
    if faults is not null then
        raise exception using errcode = 'object_not_in_prerequisite_state',
            message = E'FlyOS Console cannot be set up here yet. Nothing was changed.\n' || faults;
    end if;
end
$$;

create schema if not exists flyos;
comment on schema flyos is 'FlyOS Console: rules, roles and bookkeeping. Not exposed through the API.';
revoke all on schema flyos from public;

-- The tables as they were; a table that we made has not `existed`.
create table if not exists flyos.found (
    tbl text primary key,
    existed boolean not null,
    had_rls boolean not null,
    columns text[] not null,
    indexes text[] not null,
    constraints text[] not null,
    -- What gives the API's roles the rights back that they had.
    grants text[] not null
);
insert into flyos.found (tbl, existed, had_rls, columns, indexes, constraints, grants)
select t.tbl, c.oid is not null, coalesce(c.relrowsecurity, false),
    array(select a.attname::text from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum),
    array(select x.relname::text from pg_catalog.pg_index i
        join pg_catalog.pg_class x on x.oid = i.indexrelid where i.indrelid = c.oid order by 1),
    array(select k.conname::text from pg_catalog.pg_constraint k where k.conrelid = c.oid order by 1),
    array(select format('grant %s on public.%I to %s%s', g.rights, t.tbl,
            case when g.grantee = 0 then 'public' else quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) end,
            case when g.is_grantable then ' with grant option' else '' end)
        from (
            select x.grantee, x.is_grantable, string_agg(x.privilege_type, ', ' order by x.n) as rights, min(x.n) as n
            from pg_catalog.aclexplode(c.relacl) with ordinality as x (grantor, grantee, privilege_type, is_grantable, n)
            group by 1, 2
            union all
            select x.grantee, x.is_grantable, string_agg(format('%s (%I)', x.privilege_type, a.attname), ', '
                order by a.attnum, x.n), 1000 + min(a.attnum)
            from pg_catalog.pg_attribute a,
                pg_catalog.aclexplode(a.attacl) with ordinality as x (grantor, grantee, privilege_type, is_grantable, n)
            where a.attrelid = c.oid and not a.attisdropped group by 1, 2
        ) g
        where g.grantee = 0 or pg_catalog.pg_get_userbyid(g.grantee) in ('anon', 'authenticated', 'service_role')
        order by g.n)
from unnest(array['regions', 'profiles', 'drones', 'user_drone_assignments']) as t (tbl)
left join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass('public.' || t.tbl)
on conflict do nothing;

-- What was taken down, by what makes it again: policies that would widen ours, references that do otherwise.
create table if not exists flyos.found_policy (
    tbl text, name text, definition text not null, primary key (tbl, name)
);
create table if not exists flyos.found_constraint (
    tbl text, name text, definition text not null, primary key (tbl, name)
);
