-- The four tables, in the columns of the FlyOS document, and what describes their columns.
--
-- Runs on an empty project and on one that holds the document's own tables with data: what is there stays, what
-- is missing is added. Constraints come later (see "takeover"), since old rows may break them.

set local client_min_messages = warning;
set local statement_timeout = 0;

create table if not exists public.profiles (
    id uuid primary key,
    username text unique,
    full_name text,
    email text unique,
    role text,
    region_id uuid,
    status text,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists public.regions (
    id uuid primary key,
    name text,
    area text,
    commander_name text,
    status text,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists public.drones (
    id text primary key,
    model text,
    status text,
    region_id uuid,
    operator_id uuid,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

create table if not exists public.user_drone_assignments (
    user_id uuid,
    drone_id text,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    primary key (user_id, drone_id)
);

-- What an old table lacks.
alter table public.regions add column if not exists name text, add column if not exists area text,
    add column if not exists commander_name text, add column if not exists status text,
    add column if not exists created_at timestamptz default now(),
    add column if not exists updated_at timestamptz default now();
alter table public.profiles add column if not exists username text, add column if not exists full_name text,
    add column if not exists email text, add column if not exists role text, add column if not exists region_id uuid,
    add column if not exists status text, add column if not exists created_at timestamptz default now(),
    add column if not exists updated_at timestamptz default now(),
    -- The sign-in account of the person.
    add column if not exists auth_user_id uuid;
alter table public.drones add column if not exists model text, add column if not exists status text,
    add column if not exists region_id uuid, add column if not exists operator_id uuid,
    add column if not exists created_at timestamptz default now(),
    add column if not exists updated_at timestamptz default now();
alter table public.user_drone_assignments add column if not exists created_at timestamptz default now(),
    add column if not exists updated_at timestamptz default now(),
    add column if not exists assigned_at timestamptz;
-- When an old assignment was made: when its row was. A new type for the column fires no trigger of anybody's, as an
-- update would.
do $$
begin
    if not (select 'assigned_at' = any (f.columns) from flyos.found f where f.tbl = 'user_drone_assignments') then
        if exists (select from public.user_drone_assignments a where a.assigned_at is null) then
            alter table public.user_drone_assignments
                alter assigned_at type timestamptz using coalesce(assigned_at, created_at, now());
        end if;
        alter table public.user_drone_assignments alter assigned_at set default now();
    end if;
end
$$;

create index if not exists idx_profiles_role_status on public.profiles (role, status);
create index if not exists idx_profiles_status on public.profiles (status);
create index if not exists idx_profiles_region_id on public.profiles (region_id);
create unique index if not exists profiles_auth_user_id_key on public.profiles (auth_user_id);
create index if not exists idx_drones_status_region on public.drones (status, region_id);
create index if not exists idx_drones_region_id on public.drones (region_id);
create index if not exists idx_drones_operator_id on public.drones (operator_id, id);
create index if not exists idx_assignments_drone_id on public.user_drone_assignments (drone_id);
create index if not exists idx_regions_status on public.regions (status);

-- A comment that stands on a table already is its owner's.
do $$
declare
    c record;
begin
    for c in
        select * from (values ('regions', 'Where users and drones belong.'),
            ('profiles', 'The people. Authority comes from here: role, region, status.'),
            ('drones', 'The aircraft, by the id painted on them.'),
            ('user_drone_assignments', 'Which users hold which drones.')) as x (tbl, words)
        join flyos.found f using (tbl) where not f.existed
    loop
        execute format('comment on table public.%I is %L', c.tbl, c.words);
    end loop;
    if not (select 'auth_user_id' = any (f.columns) from flyos.found f where f.tbl = 'profiles') then
        comment on column public.profiles.auth_user_id is 'The sign-in account, linked by the server alone.';
    end if;
end
$$;

-- The columns, as people may write them: one row per column, the same as `src/domain` says. The value rule of
-- each column, the checks, the report of flawed rows and the push all read this.
create table if not exists flyos.field (
    tbl text not null,
    name text not null,
    ord int not null,
    title text not null,
    -- 'text', 'choice', 'uuid' or 'time'.
    type text not null,
    required boolean not null default false,
    -- Written by the server alone.
    server boolean not null default false,
    is_unique boolean not null default false,
    -- Columns of one unit are merged together or not at all.
    unit text,
    min_length int,
    max_length int,
    -- What a text must match, besides its length.
    pattern text,
    choices text[],
    -- What would be right, in words.
    hint text,
    primary key (tbl, name)
);

insert into flyos.field
    (tbl, ord, name, title, type, required, server, is_unique, unit, min_length, max_length, pattern, choices, hint)
values
    ('regions', 1, 'id', 'Id', 'uuid', false, true, false, null, null, null, null, null, ''),
    ('regions', 2, 'name', 'Name', 'text', true, false, true, null, 1, 80, null, null,
        'is a name of 1 to 80 characters'),
    ('regions', 3, 'area', 'Area', 'text', true, false, false, null, 1, 120, null, null,
        'says where it is, in 1 to 120 characters'),
    ('regions', 4, 'commander_name', 'Commander', 'text', false, false, false, null, 1, 120, null, null,
        'is a name of 1 to 120 characters'),
    ('regions', 5, 'status', 'Status', 'choice', true, false, false, null, null, null, null,
        '{ACTIVE,INACTIVE}', ''),
    ('regions', 6, 'created_at', 'Created', 'time', false, true, false, null, null, null, null, null, ''),
    ('regions', 7, 'updated_at', 'Updated', 'time', false, true, false, null, null, null, null, null, ''),
    ('profiles', 1, 'id', 'Id', 'uuid', false, true, false, null, null, null, null, null, ''),
    ('profiles', 2, 'username', 'Username', 'text', true, false, true, null, 3, 64, '^[A-Za-z0-9_]+$', null,
        'is 3 to 64 of A-Z a-z 0-9 _'),
    ('profiles', 3, 'full_name', 'Full name', 'text', true, false, false, null, 1, 120, null, null,
        'is a name of 1 to 120 characters'),
    ('profiles', 4, 'email', 'E-mail', 'text', true, false, true, null, 5, 254,
        '^[^@\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+'
        '@[^@.\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+'
        '(\.[^@.\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+)+$', null,
        'is an address like name@unit.mil'),
    ('profiles', 5, 'role', 'Role', 'choice', true, false, false, 'standing', null, null, null,
        '{MAIN_HQ,REGIONAL_HQ,OPERATOR}', ''),
    ('profiles', 6, 'region_id', 'Region', 'uuid', false, false, false, 'standing', null, null, null, null,
        'is the id of a region'),
    ('profiles', 7, 'status', 'Status', 'choice', true, false, false, 'standing', null, null, null,
        '{ACTIVE,INACTIVE}', ''),
    ('profiles', 8, 'auth_user_id', 'Sign-in account', 'uuid', false, true, false, null, null, null, null, null, ''),
    ('profiles', 9, 'created_at', 'Created', 'time', false, true, false, null, null, null, null, null, ''),
    ('profiles', 10, 'updated_at', 'Updated', 'time', false, true, false, null, null, null, null, null, ''),
    ('drones', 1, 'id', 'Id', 'text', true, true, true, null, 1, 64, '^[A-Za-z0-9._-]+$', null,
        'is 1 to 64 of A-Z a-z 0-9 . _ -'),
    ('drones', 2, 'model', 'Model', 'choice', true, false, false, null, null, null, null,
        '{FlyOS_MQ5,FlyOS_MQ7,FlyOS_MQ9}', ''),
    ('drones', 3, 'status', 'Status', 'choice', true, false, false, null, null, null, null,
        '{ACTIVE,STANDBY,MAINTENANCE,OFFLINE}', ''),
    ('drones', 4, 'region_id', 'Region', 'uuid', false, false, false, 'post', null, null, null, null,
        'is the id of a region'),
    ('drones', 5, 'operator_id', 'Operator', 'uuid', false, false, false, 'post', null, null, null, null,
        'is the id of a user'),
    ('drones', 6, 'created_at', 'Created', 'time', false, true, false, null, null, null, null, null, ''),
    ('drones', 7, 'updated_at', 'Updated', 'time', false, true, false, null, null, null, null, null, ''),
    ('user_drone_assignments', 1, 'user_id', 'User', 'uuid', false, true, false, null, null, null, null, null, ''),
    ('user_drone_assignments', 2, 'drone_id', 'Drone', 'text', false, true, false, null, 1, 64,
        '^[A-Za-z0-9._-]+$', null, ''),
    ('user_drone_assignments', 3, 'assigned_at', 'Assigned', 'time', false, true, false, null, null, null, null,
        null, '')
on conflict (tbl, name) do update set
    ord = excluded.ord, title = excluded.title, type = excluded.type, required = excluded.required,
    server = excluded.server, is_unique = excluded.is_unique, unit = excluded.unit,
    min_length = excluded.min_length, max_length = excluded.max_length, pattern = excluded.pattern,
    choices = excluded.choices, hint = excluded.hint;

-- The blanks that Unicode counts as white space, and what must not reach a terminal (controls, bidirectional
-- overrides, other invisible characters): as patterns, so that checks can hold them.
create or replace function flyos.blank() returns text language sql immutable parallel safe
    return '[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]';
create or replace function flyos.harmful() returns text language sql immutable parallel safe
    return '[\u0001-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff'
        '\ufff9-\ufffb\U000e0000-\U000e0fff]';

-- What is wrong with a value of a column, in words; null where nothing is. The same order of questions and the
-- same words as the console's own check.
create or replace function flyos.flaw_of(field flyos.field, value text) returns text
language sql immutable parallel safe set search_path = '' as $$
    select case
        when coalesce(value, '') = '' or value ~ ('^' || flyos.blank() || '*$') then
            case
                when field.required then field.title || ' is needed.'
                when value is not null then field.title || ' ' || field.hint || '.'
            end
        when value ~ flyos.harmful() then field.title || ' holds a control or invisible character: remove it.'
        when field.type = 'choice' then
            case when not value = any (field.choices) then
                field.title || ' is one of ' || array_to_string(field.choices, ', ') || '.'
            end
        when field.type = 'text' then
            case
                when length(value) > field.max_length then
                    field.title || ' has ' || length(value) || ' characters, at most ' || field.max_length || ' fit.'
                when length(value) < field.min_length
                    or value ~ ('^' || flyos.blank() || '|' || flyos.blank() || '$')
                    or (field.pattern is not null and value !~ field.pattern) then field.title || ' ' || field.hint || '.'
            end
        when field.type = 'uuid' then
            case when value !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
                field.title || ' ' || field.hint || '.'
            end
    end
$$;

-- Raises a refusal that the push, PostgREST and people understand alike. `reason` is one of the four of the sync
-- protocol; the constraint name marks it as a rule of ours, the column says what to mend.
create or replace function flyos.refuse(reason text, field text, message text) returns void
language plpgsql immutable set search_path = '' as $$
begin
    raise exception using
        errcode = case reason
            when 'forbidden' then '42501'
            when 'unique' then '23505'
            when 'reference' then '23503'
            else '23514'
        end,
        message = message,
        column = coalesce(field, ''),
        constraint = 'flyos_' || reason;
end
$$;

-- Refuses a value that its column does not take. Asked for every column that changes, so the common answer is short.
create or replace function flyos.check_value(p_tbl text, p_name text, p_value text) returns void
language plpgsql stable security definer set search_path = '' as $$
declare
    field flyos.field;
    flaw text;
begin
    select * into field from flyos.field f where f.tbl = p_tbl and f.name = p_name;
    if field.type = 'choice' and p_value = any (field.choices) then
        return;
    end if;
    flaw := flyos.flaw_of(field, p_value);
    if flaw is not null then
        perform flyos.refuse('invalid', p_name, flaw);
    end if;
end
$$;
