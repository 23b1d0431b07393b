-- The way back: takes FlyOS Console out of a project. Run it as the project's owner, in the SQL editor or with
-- `psql -f rollback.sql`. What it does is one statement, so it happens whole or not at all. Let the consoles send their
-- edits first: what is not sent by then stays on their laptops.
--
-- What stays
-- * Every row of regions, profiles, drones and user_drone_assignments as it is now, also in tables that we made.
-- * public.activity, the history of who did what, as a plain table that only the owner and service_role read (it is
--   dropped where it is empty). Drop it once you have no use for it. Set up again, it is continued.
-- * Sign-in accounts. Whoever was barred stays barred: see `banned_until` in auth.users.
--
-- What goes
-- * Our triggers, policies, functions, and the schemas `flyos` and `sync`: versions, what devices reported, which
--   edits were taken already, the keys of devices. A console that comes back after setting up again loads everything
--   anew; what a device keeps opens with the password it was used with last.
-- * Constraints and indexes that we added; in tables that were there before, the columns that we added (auth_user_id:
--   which account is whose; assigned_at).
--
-- What comes back
-- * In tables that were there before: row-level security on or off, policies, grants to anon, authenticated and
--   service_role, and references, as they were found. A reference that rows written since then break comes back
--   unchecked ("not valid"), and is told in a notice.
-- * Values that were set right at the beginning (flyos.mended), where they still are what we made of them.
--
-- Tables that we made keep row-level security on, without a policy: nobody but the owner and service_role sees them.

set statement_timeout = 0;

do $rollback$
declare
    tables constant text[] := '{regions,profiles,drones,user_drone_assignments}';
    our_columns constant text[] := '{id,name,area,commander_name,status,username,full_name,email,role,region_id,
        auth_user_id,model,operator_id,user_id,drone_id,assigned_at,created_at,updated_at}';
    our_indexes constant text[] := '{idx_profiles_role_status,idx_profiles_status,idx_profiles_region_id,
        profiles_auth_user_id_key,idx_drones_status_region,idx_drones_region_id,idx_drones_operator_id,
        idx_assignments_drone_id,idx_regions_status,regions_name_key_ci,profiles_username_key_ci,
        profiles_email_key_ci,drones_id_key_ci,regions_name_all_ci,profiles_username_all_ci,profiles_email_all_ci,
        drones_id_all_ci}';
    our_constraints text[];
    others text;
    held jsonb := '[]';
    told text;
    x record;
    n bigint;
begin
    if to_regclass('flyos.found') is null then
        raise exception 'FlyOS Console is not set up here. Nothing was changed.';
    end if;
    lock table public.regions, public.profiles, public.drones, public.user_drone_assignments, public.activity
        in access exclusive mode;
    set constraints all immediate;

    -- What somebody else built upon us would go with us.
    select string_agg(distinct pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), ', ') into others
    from pg_catalog.pg_depend d
    left join pg_catalog.pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
    left join pg_catalog.pg_trigger t on d.classid = 'pg_trigger'::regclass and t.oid = d.objid
    left join pg_catalog.pg_policy p on d.classid = 'pg_policy'::regclass and p.oid = d.objid
    left join pg_catalog.pg_proc f on d.classid = 'pg_proc'::regclass and f.oid = d.objid
    left join pg_catalog.pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
    left join pg_catalog.pg_attrdef e on d.classid = 'pg_attrdef'::regclass and e.oid = d.objid
    left join pg_catalog.pg_class c on c.oid = coalesce(w.ev_class, e.adrelid, k.conrelid)
    where (d.refclassid, d.refobjid) in (
            select 'pg_proc'::regclass::oid, r.oid from pg_catalog.pg_proc r
            where r.pronamespace in ('flyos'::regnamespace, 'sync'::regnamespace)
            union all
            select 'pg_class'::regclass, r.oid from pg_catalog.pg_class r
            where r.relnamespace in ('flyos'::regnamespace, 'sync'::regnamespace)
            union all
            select 'pg_type'::regclass, r.oid from pg_catalog.pg_type r
            where r.typnamespace in ('flyos'::regnamespace, 'sync'::regnamespace))
        and coalesce(c.relnamespace, f.pronamespace, 0) not in ('flyos'::regnamespace, 'sync'::regnamespace)
        and coalesce(t.tgname, p.polname, '') not like 'flyos\_%'
        and coalesce(k.conname, '') <> 'activity_scopes_check'
        and (w.oid is not null or t.oid is not null or p.oid is not null or k.oid is not null or e.oid is not null
            or (f.oid is not null and f.proname not in ('sync_pull', 'sync_push', 'sync_digest', 'activity_page',
                'sync_devices', 'admin_caller', 'admin_sign_out', 'admin_linked', 'device_key', 'erase_device',
                'note_account_deed')));
    if others is not null then
        raise exception 'Something of yours is built upon FlyOS Console: %. Nothing was changed. Drop it first.', others;
    end if;

    -- Triggers and policies of ours. Those on auth.users and realtime.messages, which are not the owner's tables, go
    -- with their functions.
    for x in
        select c.relname, t.tgname from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'public'::regnamespace and c.relname = any (tables || '{activity}'::text[])
            and t.tgname like 'flyos\_%'
    loop
        execute format('drop trigger %I on public.%I', x.tgname, x.relname);
    end loop;
    for x in
        select c.relname, p.polname from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid
        where c.relnamespace = 'public'::regnamespace and p.polname like 'flyos\_%'
    loop
        execute format('drop policy %I on public.%I', x.polname, x.relname);
    end loop;

    -- Constraints and indexes of ours, references first.
    select array_agg(r.rule) into our_constraints from flyos.reference r;
    select our_constraints || array_agg(f.tbl || '_' || f.name || '_check') into our_constraints from flyos.field f;
    for x in
        select c.relname, k.conname from pg_catalog.pg_constraint k
        join pg_catalog.pg_class c on c.oid = k.conrelid and c.relnamespace = 'public'::regnamespace
        join flyos.found f on f.tbl = c.relname
        where k.conname = any (our_constraints) and (not k.conname = any (f.constraints)
            or exists (select from flyos.found_constraint o where o.tbl = f.tbl and o.name = k.conname))
    loop
        execute format('alter table public.%I drop constraint %I', x.relname, x.conname);
    end loop;
    for x in
        select i.indexrelid::regclass::text as name from pg_catalog.pg_index i
        join pg_catalog.pg_class c on c.oid = i.indexrelid and c.relnamespace = 'public'::regnamespace
        join pg_catalog.pg_class o on o.oid = i.indrelid
        join flyos.found f on f.tbl = o.relname
        where c.relname = any (our_indexes) and not c.relname = any (f.indexes)
    loop
        execute 'drop index ' || x.name;
    end loop;

    -- Values as they were. The owner's own triggers are held meanwhile: nobody edits here.
    for x in
        select c.relname, t.tgname, case t.tgenabled when 'R' then 'enable replica' when 'A' then 'enable always'
            else 'enable' end as how
        from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'public'::regnamespace and c.relname = any (tables) and not t.tgisinternal
            and t.tgenabled <> 'D' and exists (select from flyos.mended)
    loop
        execute format('alter table public.%I disable trigger %I', x.relname, x.tgname);
        held := held || jsonb_build_object('tbl', x.relname, 'name', x.tgname, 'how', x.how);
    end loop;
    for x in
        select m.*, case when m.name like '%\_id' then 'uuid' else 'text' end as type,
            case m.tbl when 'drones' then 'text' else 'uuid' end as key_type from flyos.mended m
    loop
        if x.tbl = 'user_drone_assignments' then
            delete from public.user_drone_assignments a
                where a.user_id = left(x.pk, 36)::uuid and a.drone_id = x.new and a.assigned_at = x.at;
            continue;
        end if;
        begin
            execute format('update public.%1$I set %2$I = %3$L::%4$s
                where id = %5$L::%7$s and %2$I is not distinct from %6$L::%4$s', x.tbl, x.name, x.old, x.type, x.pk,
                x.new, x.key_type);
        exception when integrity_constraint_violation then
            raise notice '% % keeps its %: the old one is not possible any more.', x.tbl, x.pk, x.name;
        end;
    end loop;
    set constraints all immediate;
    for x in select h ->> 'tbl' as tbl, h ->> 'name' as name, h ->> 'how' as how from jsonb_array_elements(held) h loop
        execute format('alter table public.%I %s trigger %I', x.tbl, x.how, x.name);
    end loop;

    -- Rights of the API's roles, row-level security, policies, columns and references as they were found.
    for x in select f.* from flyos.found f loop
        execute format('revoke all on public.%I from public, anon, authenticated', x.tbl);
        if x.existed then
            execute format('revoke all on public.%I from service_role', x.tbl);
            for n in 1 .. coalesce(array_length(x.grants, 1), 0) loop
                execute x.grants[n];
            end loop;
            if not x.had_rls then
                execute format('alter table public.%I disable row level security', x.tbl);
            end if;
        end if;
    end loop;
    for x in select p.definition from flyos.found_policy p order by p.tbl, p.name collate "C" loop
        execute x.definition;
    end loop;
    drop view flyos.flaws;
    for x in
        select f.tbl, a.attname from flyos.found f
        join pg_catalog.pg_attribute a on a.attrelid = to_regclass('public.' || f.tbl) and a.attnum > 0
            and not a.attisdropped and a.attname = any (our_columns)
        where f.existed and not a.attname = any (f.columns)
    loop
        execute format('alter table public.%I drop column %I', x.tbl, x.attname);
    end loop;
    for x in select * from flyos.found_constraint c order by c.tbl, c.name collate "C" loop
        execute format('alter table public.%I add constraint %I %s%s', x.tbl, x.name,
            regexp_replace(x.definition, ' NOT VALID$', ''), ' not valid');
        if x.definition !~ ' NOT VALID$' then
            begin
                execute format('alter table public.%I validate constraint %I', x.tbl, x.name);
            exception when foreign_key_violation then
                raise notice 'The reference % of % is back, unchecked: rows break it.', x.name, x.tbl;
            end;
        end if;
    end loop;

    drop function public.sync_pull(jsonb, int, int, int), public.sync_push(uuid, uuid, int, jsonb, jsonb),
        public.sync_digest(jsonb), public.activity_page(bigint, int, text, text), public.sync_devices(),
        public.admin_caller(), public.admin_sign_out(uuid), public.admin_linked(uuid[]),
        public.device_key(uuid, text), public.erase_device(uuid, uuid);
    -- Of a project that was set up by an older console it is not there.
    drop function if exists public.note_account_deed(uuid, uuid, uuid, text, text);
    if not exists (select from public.activity) then
        drop table public.activity;
    else
        revoke all on public.activity from authenticated;
        alter table public.activity drop constraint activity_scopes_check;
    end if;
    -- What hangs on them is ours, as was looked at above: a list of it would be of no use to anybody.
    told := current_setting('client_min_messages');
    perform set_config('client_min_messages', 'warning', true);
    drop schema flyos cascade;
    drop schema sync cascade;
    perform set_config('client_min_messages', told, true);

    -- So that `supabase db push` sets up again what is not there any more.
    if to_regclass('supabase_migrations.schema_migrations') is not null then
        delete from supabase_migrations.schema_migrations
        where version in ('20261101000050', '20261101000100', '20261101000200', '20261101000300', '20261101000400',
            '20261101000500', '20261101000600', '20261101000700', '20261101000800', '20261101000900',
            '20261101001000', '20261101001050', '20261101001100', '20261101001200', '20261101001300');
    end if;
end
$rollback$;
