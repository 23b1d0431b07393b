-- What a new Supabase project holds (2026), as far as our SQL can meet it. Run by the superuser, once.
--
-- Left out: storage, vault, graphql, cron, net, and safeupdate (an UPDATE or DELETE without WHERE passes here and is
-- refused there).

-- public ------------------------------------------------------------------------------------------------------------
-- Nothing is granted automatically on what postgres makes, not even EXECUTE to everybody.

grant usage on schema public to postgres, anon, authenticated, service_role;
alter default privileges for role postgres revoke execute on functions from public;

-- extensions --------------------------------------------------------------------------------------------------------

create schema extensions;
grant usage on schema extensions to anon, authenticated, service_role, dashboard_user;
grant all on schema extensions to postgres with grant option;

do $$
declare
  wanted text;
begin
  for wanted in
    select name from pg_available_extensions where name in ('pgcrypto', 'uuid-ossp', 'pg_stat_statements')
  loop
    -- Without its preloaded library pg_stat_statements makes its view and fails on reading it.
    if wanted <> 'pg_stat_statements' then
      execute format('create extension if not exists %I with schema extensions', wanted);
    end if;
  end loop;
end
$$;

-- auth --------------------------------------------------------------------------------------------------------------
-- GoTrue's tables by their names, types and defaults. Those of single sign-on, OAuth and passkeys are left out.

create schema auth authorization supabase_auth_admin;
grant usage on schema auth to postgres, anon, authenticated, service_role, dashboard_user;

set role supabase_auth_admin;

create type auth.aal_level as enum ('aal1', 'aal2', 'aal3');
create type auth.factor_type as enum ('totp', 'webauthn', 'phone');
create type auth.factor_status as enum ('unverified', 'verified');

create table auth.users (
  instance_id uuid,
  id uuid not null primary key,
  aud varchar(255),
  role varchar(255),
  email varchar(255),
  encrypted_password varchar(255),
  email_confirmed_at timestamptz,
  invited_at timestamptz,
  confirmation_token varchar(255),
  confirmation_sent_at timestamptz,
  recovery_token varchar(255),
  recovery_sent_at timestamptz,
  email_change_token_new varchar(255),
  email_change varchar(255),
  email_change_sent_at timestamptz,
  last_sign_in_at timestamptz,
  raw_app_meta_data jsonb,
  raw_user_meta_data jsonb,
  is_super_admin boolean,
  created_at timestamptz,
  updated_at timestamptz,
  phone text default null unique,
  phone_confirmed_at timestamptz,
  phone_change text default '',
  phone_change_token varchar(255) default '',
  phone_change_sent_at timestamptz,
  confirmed_at timestamptz generated always as (least(email_confirmed_at, phone_confirmed_at)) stored,
  email_change_token_current varchar(255) default '',
  email_change_confirm_status smallint default 0 check (email_change_confirm_status between 0 and 2),
  banned_until timestamptz,
  reauthentication_token varchar(255) default '',
  reauthentication_sent_at timestamptz,
  is_sso_user boolean not null default false,
  deleted_at timestamptz,
  is_anonymous boolean not null default false
);
create unique index users_email_partial_key on auth.users (email) where is_sso_user = false;
create index users_instance_id_email_idx on auth.users (instance_id, lower(email::text));
create index users_is_anonymous_idx on auth.users (is_anonymous);

create table auth.identities (
  provider_id text not null,
  user_id uuid not null references auth.users on delete cascade,
  identity_data jsonb not null,
  provider text not null,
  last_sign_in_at timestamptz,
  created_at timestamptz,
  updated_at timestamptz,
  email text generated always as (lower(identity_data ->> 'email')) stored,
  id uuid not null default gen_random_uuid() primary key,
  unique (provider_id, provider)
);
create index identities_user_id_idx on auth.identities (user_id);

create table auth.sessions (
  id uuid not null primary key,
  user_id uuid not null references auth.users on delete cascade,
  created_at timestamptz,
  updated_at timestamptz,
  factor_id uuid,
  aal auth.aal_level,
  not_after timestamptz,
  refreshed_at timestamp without time zone,
  user_agent text,
  ip inet,
  tag text,
  oauth_client_id uuid,
  refresh_token_hmac_key text,
  refresh_token_counter bigint,
  scopes text
);
create index sessions_user_id_idx on auth.sessions (user_id);
create index sessions_not_after_idx on auth.sessions (not_after desc);

create table auth.mfa_factors (
  id uuid not null primary key,
  user_id uuid not null references auth.users on delete cascade,
  friendly_name text,
  factor_type auth.factor_type not null,
  status auth.factor_status not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  secret text,
  phone text,
  last_challenged_at timestamptz unique,
  web_authn_credential jsonb,
  web_authn_aaguid uuid
);
create index mfa_factors_user_id_idx on auth.mfa_factors (user_id);

create table auth.mfa_amr_claims (
  session_id uuid not null references auth.sessions on delete cascade,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  authentication_method text not null,
  id uuid not null primary key,
  unique (session_id, authentication_method)
);

create table auth.refresh_tokens (
  instance_id uuid,
  id bigserial not null primary key,
  token varchar(255) unique,
  user_id varchar(255),
  revoked boolean,
  created_at timestamptz,
  updated_at timestamptz,
  parent varchar(255),
  session_id uuid references auth.sessions on delete cascade
);
create index refresh_tokens_session_id_revoked_idx on auth.refresh_tokens (session_id, revoked);

create table auth.audit_log_entries (
  instance_id uuid,
  id uuid not null primary key,
  payload json,
  created_at timestamptz,
  ip_address varchar(64) not null default ''
);

create function auth.uid() returns uuid language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
  )::uuid
$$;

create function auth.role() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
  )::text
$$;

create function auth.email() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.email', true), ''),
    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email')
  )::text
$$;

create function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')
  )::jsonb
$$;

-- Row security without a policy: only the owner and who bypasses it (postgres, service_role) see rows. The API roles
-- have no grant on the tables either; postgres has every one, but cannot make objects in the schema.
do $$
declare
  tab text;
begin
  for tab in select tablename from pg_tables where schemaname = 'auth' loop
    execute format('alter table auth.%I enable row level security', tab);
    execute format('grant all on auth.%I to postgres, dashboard_user', tab);
  end loop;
end
$$;
grant all on all sequences in schema auth to postgres, dashboard_user;

reset role;

-- realtime ----------------------------------------------------------------------------------------------------------

create schema realtime;
grant usage on schema realtime to postgres, anon, authenticated, service_role, supabase_realtime_admin;
grant create on schema realtime to supabase_realtime_admin;

set role supabase_realtime_admin;

create table realtime.messages (
  topic text not null,
  extension text not null,
  payload jsonb,
  event text,
  private boolean default false,
  updated_at timestamp without time zone not null default now(),
  inserted_at timestamp without time zone not null default now(),
  id uuid not null default gen_random_uuid(),
  primary key (id, inserted_at)
) partition by range (inserted_at);
-- Realtime makes one for each day and drops it some three days later.
create table realtime.messages_always partition of realtime.messages default;

alter table realtime.messages enable row level security;
grant select, insert, update on realtime.messages to postgres, anon, authenticated, service_role;

create function realtime.topic() returns text language sql stable as $$
  select nullif(current_setting('realtime.topic', true), '')::text
$$;

create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language plpgsql as $$
declare
  generated_id uuid;
  final_payload jsonb;
begin
  begin
    generated_id := gen_random_uuid();
    if payload ? 'id' then
      final_payload := payload;
    else
      final_payload := jsonb_set(payload, '{id}', to_jsonb(generated_id));
    end if;
    execute format('set local realtime.topic to %L', topic);
    insert into realtime.messages (id, payload, event, topic, private, extension)
    values (generated_id, final_payload, event, topic, private, 'broadcast');
  exception
    when others then
      raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
  end;
end
$$;

reset role;

-- On the hosted service supautils lets postgres CREATE, ALTER and DROP POLICY on realtime.messages and nothing more.
-- Plain PostgreSQL gives policies to owners only, so postgres is made a member of the owner here, and the trigger
-- below takes back all the rest that an owner may do. What remains different: being a member, postgres can
-- `set role supabase_realtime_admin`; and the words of the refusal of a DROP.
grant supabase_realtime_admin to postgres;
alter role postgres inherit;

create function extensions.flyos_test_guard() returns event_trigger language plpgsql as $$
declare
  done record;
begin
  if (select rolsuper from pg_roles where rolname = current_user) then
    return;
  end if;
  for done in select * from pg_event_trigger_ddl_commands() loop
    if (done.schema_name = 'realtime' or done.object_identity like 'realtime.%'
        or done.object_identity like '% on realtime.%')
       and done.command_tag not in ('CREATE POLICY', 'ALTER POLICY') then
      raise exception 'must be owner of %', done.object_identity using errcode = '42501';
    end if;
  end loop;
end
$$;

create function extensions.flyos_test_guard_drop() returns event_trigger language plpgsql as $$
declare
  gone record;
begin
  if (select rolsuper from pg_roles where rolname = current_user) then
    return;
  end if;
  for gone in select * from pg_event_trigger_dropped_objects() loop
    if (gone.schema_name = 'realtime' or gone.object_identity like '% on realtime.%')
       and gone.object_type <> 'policy' then
      raise exception 'must be owner of %', gone.object_identity using errcode = '42501';
    end if;
  end loop;
end
$$;

create event trigger flyos_test_guard on ddl_command_end execute function extensions.flyos_test_guard();
create event trigger flyos_test_guard_drop on sql_drop execute function extensions.flyos_test_guard_drop();

create publication supabase_realtime;
alter publication supabase_realtime owner to postgres;
