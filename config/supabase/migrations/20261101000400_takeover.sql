-- Constraints, on an empty project and on old data alike: what can hold is made to hold, what is wrong is set right
-- where there is one right answer, everything else is reported and waits for a person. No row is ever deleted.
--
-- A flawed row stays readable and can be mended column by column: the rules judge only what changes. Once the last
-- flaw of a rule is mended, `select flyos.settle()` adds the constraint that had to wait.

set local client_min_messages = warning;
-- Looking at a hundred thousand rows takes some ten seconds.
set local statement_timeout = 0;

-- What was set right, so that it can be looked at and taken back.
create table if not exists flyos.mended (
    tbl text not null,
    pk text not null,
    name text not null,
    old text,
    new text,
    why text not null,
    at timestamptz not null default now(),
    primary key (tbl, pk, name)
);

-- Our references, by the name that tells the column. (Of a table's own there may be others.)
create or replace view flyos.reference as
select * from (values
    ('profiles', 'profiles_region_id_fkey',
        'FOREIGN KEY (region_id) REFERENCES public.regions(id) ON DELETE SET NULL'),
    ('profiles', 'profiles_auth_user_id_fkey',
        'FOREIGN KEY (auth_user_id) REFERENCES auth.users(id) ON DELETE SET NULL'),
    ('drones', 'drones_region_id_fkey',
        'FOREIGN KEY (region_id) REFERENCES public.regions(id) ON DELETE SET NULL'),
    ('drones', 'drones_operator_id_fkey',
        'FOREIGN KEY (operator_id) REFERENCES public.profiles(id) ON DELETE SET NULL'),
    ('user_drone_assignments', 'user_drone_assignments_user_id_fkey',
        'FOREIGN KEY (user_id) REFERENCES public.profiles(id) ON DELETE CASCADE'),
    ('user_drone_assignments', 'user_drone_assignments_drone_id_fkey',
        'FOREIGN KEY (drone_id) REFERENCES public.drones(id) ON DELETE CASCADE'),
    ('drones', 'drones_operator_assigned_fkey', 'FOREIGN KEY (operator_id, id)
        REFERENCES public.user_drone_assignments(user_id, drone_id) ON DELETE SET NULL (operator_id)')
) as k (tbl, rule, definition);

-- References of the same columns that stood before and do otherwise are taken down, and kept for the way back: one
-- that deletes a drone with its operator would be obeyed beside ours. So is one from a user to a sign-in account by
-- the same id: here a user may have no account yet.
do $$
declare
    k record;
begin
    for k in
        select c.relname as tbl, o.conname as name, pg_catalog.pg_get_constraintdef(o.oid) as definition
        from pg_catalog.pg_constraint o
        join pg_catalog.pg_class c on c.oid = o.conrelid and c.relnamespace = 'public'::regnamespace
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = o.conkey[1]
        join flyos.found f on f.tbl = c.relname and o.conname = any (f.constraints)
        where o.contype = 'f' and array_length(o.conkey, 1) = 1
            and ((c.relname = 'profiles' and a.attname = 'id' and o.confrelid = 'auth.users'::regclass)
                or exists (select from flyos.reference r
                    where r.tbl = c.relname and r.rule = c.relname || '_' || a.attname || '_fkey'
                        and (o.confdeltype <> case when r.definition like '%CASCADE' then 'c' else 'n' end
                            or o.confupdtype <> 'a' or o.condeferrable or o.confrelid is distinct from to_regclass(
                                substring(r.definition from ' REFERENCES ([a-z_.]+)')))))
    loop
        insert into flyos.found_constraint values (k.tbl, k.name, k.definition) on conflict do nothing;
        execute format('alter table public.%I drop constraint %I', k.tbl, k.name);
    end loop;
end
$$;

-- One row per rule and row that breaks it. `rule` names the constraint that waits for it, if one does.
create or replace view flyos.flaws as
with cells as (
    select 'regions' as tbl, r.id::text as pk, c.name, c.value
    from public.regions r, lateral (values ('name', r.name), ('area', r.area),
        ('commander_name', r.commander_name), ('status', r.status)) as c (name, value)
    union all
    select 'profiles', p.id::text, c.name, c.value
    from public.profiles p, lateral (values ('username', p.username), ('full_name', p.full_name),
        ('email', p.email), ('role', p.role), ('status', p.status)) as c (name, value)
    union all
    select 'drones', d.id, c.name, c.value
    from public.drones d, lateral (values ('id', d.id), ('model', d.model), ('status', d.status)) as c (name, value)
)
select cells.tbl, cells.pk, cells.name, cells.value, cells.tbl || '_' || cells.name || '_check' as rule,
    flyos.flaw_of(f, cells.value) as flaw
from cells join flyos.field f on f.tbl = cells.tbl and f.name = cells.name
-- Nearly every value is plain and right; to ask for each in full would take a minute for a hundred thousand rows.
where not coalesce(case f.type when 'choice' then cells.value = any (f.choices) else
        length(cells.value) between f.min_length and f.max_length and cells.value ~ '^[!-~]([ -~]*[!-~])?$'
        and (f.pattern is null or cells.value ~ f.pattern) end, false)
    and flyos.flaw_of(f, cells.value) is not null
union all
select n.tbl, n.pk, n.name, n.value, n.rule, f.title || ' ' || n.value || ' is there '
    || n.times || ' times, but for case.'
from (
    select 'regions' as tbl, id::text as pk, 'name' as name, name as value, 'regions_name_key_ci' as rule,
        count(*) over (partition by lower(name collate "und-x-icu")) as times from public.regions
    union all
    select 'profiles', id::text, 'username', username, 'profiles_username_key_ci',
        count(*) over (partition by lower(username collate "und-x-icu")) from public.profiles
    union all
    select 'profiles', id::text, 'email', email, 'profiles_email_key_ci',
        count(*) over (partition by lower(email collate "und-x-icu")) from public.profiles
    union all
    select 'drones', id, 'id', id, 'drones_id_key_ci',
        count(*) over (partition by lower(id collate "und-x-icu")) from public.drones
) n join flyos.field f on f.tbl = n.tbl and f.name = n.name
where n.times > 1 and n.value is not null
union all
select 'profiles', p.id::text, 'region_id', p.region_id::text, 'profiles_region_id_fkey', 'There is no such region.'
from public.profiles p
where p.region_id is not null and not exists (select from public.regions r where r.id = p.region_id)
union all
select 'profiles', p.id::text, 'auth_user_id', p.auth_user_id::text, 'profiles_auth_user_id_fkey',
    'There is no such sign-in account.'
from public.profiles p
where p.auth_user_id is not null and not exists (select from auth.users u where u.id = p.auth_user_id)
union all
select 'drones', d.id, 'region_id', d.region_id::text, 'drones_region_id_fkey', 'There is no such region.'
from public.drones d
where d.region_id is not null and not exists (select from public.regions r where r.id = d.region_id)
union all
select 'drones', d.id, 'operator_id', d.operator_id::text, 'drones_operator_id_fkey', 'There is no such user.'
from public.drones d
where d.operator_id is not null and not exists (select from public.profiles p where p.id = d.operator_id)
union all
select 'drones', d.id, 'operator_id', d.operator_id::text, 'drones_operator_assigned_fkey',
    'The operator is not among the assigned users.'
from public.drones d
where d.operator_id is not null and exists (select from public.profiles p where p.id = d.operator_id)
    and not exists (select from public.user_drone_assignments a
        where a.user_id = d.operator_id and a.drone_id = d.id)
union all
select 'user_drone_assignments', a.user_id || ':' || a.drone_id, 'user_id', a.user_id::text,
    'user_drone_assignments_user_id_fkey', 'There is no such user.'
from public.user_drone_assignments a
where not exists (select from public.profiles p where p.id = a.user_id)
union all
select 'user_drone_assignments', a.user_id || ':' || a.drone_id, 'drone_id', a.drone_id,
    'user_drone_assignments_drone_id_fkey', 'There is no such drone.'
from public.user_drone_assignments a
where not exists (select from public.drones d where d.id = a.drone_id)
union all
select 'user_drone_assignments', a.user_id || ':' || a.drone_id, 'user_id', a.user_id::text, null,
    'The user is not in the region of the drone.'
from public.user_drone_assignments a
join public.drones d on d.id = a.drone_id
join public.profiles p on p.id = a.user_id
where d.region_id is not null and d.region_id is distinct from p.region_id;
comment on view flyos.flaws is 'Rows that break a rule, from before there were rules: one line each, with the flaw in words.';

-- The triggers of the four tables that would answer to a mended value: the owner's own, which may stamp the row or
-- refuse it, and those of our rules, whose cascades would take assignments away. Versions and activity are kept.
create or replace function flyos.hold_triggers() returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
    held jsonb;
    t record;
begin
    -- A table with events that wait for the end of the transaction cannot be altered.
    set constraints all immediate;
    select coalesce(jsonb_agg(jsonb_build_object('tbl', c.relname, 'name', g.tgname, 'how', case g.tgenabled
            when 'R' then 'enable replica' when 'A' then 'enable always' else 'enable' end)), '[]') into held
    from pg_catalog.pg_trigger g
    join pg_catalog.pg_class c on c.oid = g.tgrelid and c.relnamespace = 'public'::regnamespace
    join flyos.found f on f.tbl = c.relname
    where not g.tgisinternal and g.tgenabled <> 'D' and g.tgname not in ('flyos_4_touch', 'flyos_5_activity');
    for t in select h ->> 'tbl' as tbl, h ->> 'name' as name from jsonb_array_elements(held) h loop
        execute format('alter table public.%I disable trigger %I', t.tbl, t.name);
    end loop;
    set constraints all deferred;
    return held;
end
$$;

create or replace function flyos.release_triggers(p_held jsonb) returns void
language plpgsql security definer set search_path = '' as $$
declare
    t record;
begin
    set constraints all immediate;
    for t in select h ->> 'tbl' as tbl, h ->> 'name' as name, h ->> 'how' as how from jsonb_array_elements(p_held) h loop
        execute format('alter table public.%I %s trigger %I', t.tbl, t.how, t.name);
    end loop;
    set constraints all deferred;
end
$$;

-- Sets right what has one right answer:
-- * blanks around a text that is sound without them; a text that is not needed and holds nothing else becomes none;
-- * a role, status or model that is right but for its case;
-- * a region, operator or account that points at nobody becomes none: what it pointed at is gone;
-- * an operator who is not among the assigned users is assigned: somebody made them operator. Whether they fit is
--   another rule, whose flaw stays.
create or replace function flyos.mend() returns void
language plpgsql security definer set search_path = '' as $$
declare
    cell record;
    held jsonb;
begin
    create temp table if not exists flyos_flaws on commit drop as select * from flyos.flaws with no data;
    delete from pg_temp.flyos_flaws;
    insert into pg_temp.flyos_flaws select * from flyos.flaws;
    create temp table if not exists flyos_better (
        tbl text, pk text, name text, value text, better text, is_unique boolean, low text) on commit drop;
    delete from pg_temp.flyos_better;
    insert into pg_temp.flyos_better
    select c.*, lower(c.better collate "und-x-icu") from (
        select x.tbl, x.pk, x.name, x.value, case
            when f.type = 'choice' then (select c from unnest(f.choices) c where lower(c) = lower(t.text))
            else nullif(t.text, '') end as better, f.is_unique
        from pg_temp.flyos_flaws x
        join flyos.field f on f.tbl = x.tbl and f.name = x.name,
        lateral (select regexp_replace(x.value, '^' || flyos.blank() || '+|' || flyos.blank() || '+$', '', 'g') as text) t
        where x.rule = x.tbl || '_' || x.name || '_check' and x.value is not null and x.name <> 'id'
    ) c where c.better is distinct from c.value;
    analyze pg_temp.flyos_flaws, pg_temp.flyos_better, public.regions, public.profiles, public.drones,
        public.user_drone_assignments;

    -- A name that two would get, or that somebody has, has no one right answer.
    with names as (
        select 'regions' as tbl, r.id::text as pk, 'name' as name, lower(r.name collate "und-x-icu") as low
        from public.regions r
        union all
        select 'profiles', p.id::text, 'username', lower(p.username collate "und-x-icu") from public.profiles p
        union all
        select 'profiles', p.id::text, 'email', lower(p.email collate "und-x-icu") from public.profiles p
        union all
        select b.tbl, b.pk, b.name, b.low from pg_temp.flyos_better b where b.is_unique
    ), doubled as (
        select n.tbl, n.name, n.low from names n
        where exists (select from pg_temp.flyos_better b where b.is_unique and b.tbl = n.tbl and b.name = n.name
            and b.low = n.low)
        group by 1, 2, 3 having count(distinct n.pk) > 1
    )
    insert into flyos.mended (tbl, pk, name, old, new, why)
    select b.tbl, b.pk, b.name, b.value, b.better, 'blanks or case'
    from pg_temp.flyos_better b join flyos.field f on f.tbl = b.tbl and f.name = b.name
    where flyos.flaw_of(f, b.better) is null and not (b.is_unique and exists (select from doubled d
        where d.tbl = b.tbl and d.name = b.name and d.low = b.low))
    union all
    select x.tbl, x.pk, x.name, x.value, null, 'pointed at nothing' from pg_temp.flyos_flaws x
    where x.rule in ('profiles_region_id_fkey', 'profiles_auth_user_id_fkey', 'drones_region_id_fkey',
        'drones_operator_id_fkey')
    union all
    select 'user_drone_assignments', d.operator_id || ':' || d.id, 'drone_id', null, d.id,
        'was the operator without being assigned'
    from pg_temp.flyos_flaws x join public.drones d on d.id = x.pk
    where x.rule = 'drones_operator_assigned_fkey'
    on conflict (tbl, pk, name) do update set old = excluded.old, new = excluded.new, why = excluded.why, at = now();
    if not found then
        return;
    end if;
    analyze flyos.mended;

    held := flyos.hold_triggers();
    -- A constraint of the owner's own may refuse what our rules want: then the rows stay as they are, and flawed.
    for cell in
        select distinct m.tbl, m.name from flyos.mended m where m.at = now() and m.tbl <> 'user_drone_assignments'
    loop
        begin
            execute format('update public.%1$I t set %2$I = m.new::%3$s from flyos.mended m
                where m.tbl = %1$L and m.name = %2$L and m.at = now() and m.pk = t.id::text', cell.tbl, cell.name,
                case when cell.name like '%\_id' then 'uuid' else 'text' end);
        exception when integrity_constraint_violation then
            raise warning 'flyos: % of % cannot be set right: %', cell.name, cell.tbl, sqlerrm;
            delete from flyos.mended m where m.tbl = cell.tbl and m.name = cell.name and m.at = now();
        end;
    end loop;
    begin
        insert into public.user_drone_assignments (user_id, drone_id, assigned_at)
        select left(m.pk, 36)::uuid, m.new, m.at from flyos.mended m
        where m.tbl = 'user_drone_assignments' and m.at = now()
        on conflict do nothing;
    exception when integrity_constraint_violation then
        raise warning 'flyos: operators cannot be assigned to their drones: %', sqlerrm;
        delete from flyos.mended m where m.tbl = 'user_drone_assignments' and m.at = now();
    end;
    perform flyos.release_triggers(held);
end
$$;

-- Adds every constraint that the rows allow, and leaves the others for later. Gives back what waits, with how many
-- rows it waits for. May be called again at any time.
create or replace function flyos.settle() returns table (rule text, waits_for bigint)
language plpgsql security definer set search_path = '' as $$
declare
    c record;
    twins text[];
    waiting jsonb;
begin
    -- Nobody writes while it is looked whether the rows allow it.
    lock table public.regions, public.profiles, public.drones, public.user_drone_assignments
        in share row exclusive mode;
    select coalesce(jsonb_object_agg(x.rule, x.n), '{}') into waiting
        from (select w.rule, count(*) as n from flyos.flaws w where w.rule is not null group by 1) x;

    -- Values. A check that old rows break would refuse every change of them, so it waits; the rules of the columns
    -- that change hold meanwhile. One of the same name that stood before is its owner's.
    for c in
        select f.*, f.tbl || '_' || f.name || '_check' as rule from flyos.field f
        where f.type in ('text', 'choice') and (not f.server or f.tbl = 'drones')
    loop
        if waiting ? c.rule or exists (select from pg_catalog.pg_constraint k where k.conname = c.rule
                and k.conrelid = ('public.' || c.tbl)::regclass) then
            continue;
        end if;
        execute format('alter table public.%I add constraint %I check (%s)', c.tbl, c.rule, concat_ws(' and ',
            case when c.required then format('%I is not null', c.name) end,
            case when c.type = 'choice' then format('%I = any (%L::text[])', c.name, c.choices) end,
            case when c.type = 'text' then format('length(%1$I) between %2$s and %3$s and %1$I !~ %4$L', c.name,
                c.min_length, c.max_length,
                concat_ws('|', '^' || flyos.blank(), flyos.blank() || '$', flyos.harmful())) end,
            case when c.pattern is not null then format('%I ~ %L', c.name, c.pattern) end));
    end loop;

    -- References: without the old rows where those break it; then it still judges every reference that changes.
    for c in select r.*, ('public.' || r.tbl)::regclass as oid from flyos.reference r loop
        if not exists (select from pg_catalog.pg_constraint k where k.conname = c.rule and k.conrelid = c.oid) then
            execute format('alter table public.%I add constraint %I %s not valid', c.tbl, c.rule, c.definition);
        end if;
        if not waiting ? c.rule and exists (select from pg_catalog.pg_constraint k
                where k.conname = c.rule and k.conrelid = c.oid and not k.convalidated) then
            execute format('alter table public.%I validate constraint %I', c.tbl, c.rule);
        end if;
    end loop;

    -- Names, without regard to case. Of a doubled name the oldest row stands in the index, the others are exempt
    -- until they have another name; while some are, whoever looks whether a name is taken needs an index of all.
    for c in
        select k.*, k.tbl || '_' || k.name || '_key_ci' as rule, k.tbl || '_' || k.name || '_all_ci' as all_of_them
        from (values ('regions', 'name'), ('profiles', 'username'), ('profiles', 'email'), ('drones', 'id'))
            as k (tbl, name)
    loop
        execute format('select array_agg(pk order by pk) from (select id::text as pk, row_number() over (partition by
            lower(%1$I collate "und-x-icu") order by created_at nulls last, id) as place from public.%2$I
            where %1$I is not null) t where place > 1', c.name, c.tbl) into twins;
        if to_regclass('public.' || c.rule) is not null then
            continue when coalesce(twins, '{}')
                = array(select e.pk from flyos.exempt e where e.tbl = c.tbl and e.name = c.name order by e.pk);
            execute format('drop index public.%I', c.rule);
        end if;
        delete from flyos.exempt e where e.tbl = c.tbl and e.name = c.name;
        insert into flyos.exempt select c.tbl, c.name, pk from unnest(twins) pk;
        execute format('create unique index %I on public.%I (lower(%I collate "und-x-icu"))%s', c.rule, c.tbl, c.name,
            case when twins is not null then format(' where id <> all (%L)', twins) end);
        if twins is null and to_regclass('public.' || c.all_of_them) is not null then
            execute format('drop index public.%I', c.all_of_them);
        elsif twins is not null then
            execute format('create index if not exists %I on public.%I (lower(%I collate "und-x-icu"))', c.all_of_them,
                c.tbl, c.name);
        end if;
    end loop;

    return query select w.key, w.value::bigint from jsonb_each_text(waiting) w order by 1;
end
$$;

revoke execute on all functions in schema flyos from public;
revoke all on all tables in schema flyos from public, anon, authenticated, service_role;

select flyos.mend();
select flyos.settle();
