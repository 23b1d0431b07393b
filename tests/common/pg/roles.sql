-- The roles of a Supabase project, once for each cluster. The superuser that runs this is supabase_admin, as there.
--
-- Differs from the hosted service: the rights that its extension `supautils` lends to postgres (creating
-- extensions, event triggers and policies on tables of others) do not exist in plain PostgreSQL; what our
-- migrations need of them is made up for in supabase.sql.

create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;

create role supabase_auth_admin login noinherit createrole;
create role supabase_realtime_admin nologin noinherit;
create role dashboard_user nologin createdb createrole replication;

-- The project's owner: no superuser. On PostgreSQL 15 and older CREATEROLE reaches further than on 17, as hosted,
-- where it reaches only the roles that it made itself.
create role postgres login createdb createrole replication bypassrls;
grant anon, authenticated, service_role, authenticator to postgres;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role postgres set statement_timeout = '2min';
alter role postgres set search_path = "$user", public, extensions;
alter role supabase_auth_admin set search_path = auth;
alter role supabase_auth_admin set idle_in_transaction_session_timeout = '60s';
