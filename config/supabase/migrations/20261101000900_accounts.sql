-- Profiles and sign-in accounts: linked, kept in step, and taken apart.
--
-- * A new account is linked to an existing profile only where the admin API says so
--   (`app_metadata.flyos_profile_id`), or where its address is confirmed and belongs to one profile, an OPERATOR's
--   without an account. Is there no profile of that address, it gets a new one: OPERATOR, INACTIVE, no region.
--   Nothing is read from `raw_user_meta_data`, which its owner writes.
-- * The sign-in server makes an account in several steps of one transaction: the row first, then `app_metadata`, then
--   the confirmation. So it is looked at when the transaction ends, by a deferred trigger.
-- * An account that names a profile that is not there, or is another's, gets none: it belonged to a deleted profile,
--   or the admin API was wrong. Nor does one with the address of a profile that it may not have, and an anonymous
--   one. `admin-users` lists them; what was not to be had is tried again when the account is confirmed, gets another
--   address, or is given a profile by the admin API.
-- * Whatever happens here never stops a sign-up or a sign-in: it is logged.
-- * Deleting or deactivating a profile bars its account and ends its sessions; activating it again lifts that bar.
-- * The sign-in server runs these triggers as itself: the functions are the owner's, with an empty search path.

set local client_min_messages = warning;
set local statement_timeout = 0;

-- The day until which a deactivated profile's account is barred: no ban by hand ends then.
create or replace function flyos.barred_until() returns timestamptz language sql immutable parallel safe
    return '2999-12-31 00:00:00+00'::timestamptz;

-- A username that nobody has, from an address.
create or replace function flyos.free_username(p_address text) returns text
language plpgsql stable security definer set search_path = '' as $$
declare
    base text := left(regexp_replace(split_part(p_address, '@', 1), '[^A-Za-z0-9]', '_', 'g'), 56);
    name text;
begin
    if length(base) < 3 then
        base := base || '_user';
    end if;
    name := base;
    for n in 2 .. 1000000 loop
        exit when not exists (select from public.profiles p
            where lower(p.username collate "und-x-icu") = lower(name collate "und-x-icu"));
        name := base || '_' || n;
    end loop;
    return name;
end
$$;

-- Gives an account the profile that is there for it, or (`p_make`) a new one. The profile's id, null where it has none.
-- One that is barred because its profile went is nobody's new account: not even that profile's, made anew.
create or replace function flyos.place_account(p_account uuid, p_make boolean) returns uuid
language plpgsql security definer set search_path = '' as $$
declare
    account record;
    address text;
    namesakes uuid[];
    profile uuid;
    username text;
begin
    select u.id, u.email, u.email_confirmed_at, u.raw_app_meta_data ->> 'flyos_profile_id' as named into account
    from auth.users u where u.id = p_account and u.deleted_at is null and not coalesce(u.is_anonymous, false)
        and u.banned_until is distinct from flyos.barred_until();
    if not found or exists (select from public.profiles p where p.auth_user_id = p_account) then
        return null;
    end if;
    address := nullif(account.email, '');

    if account.named is not null then
        update public.profiles p set auth_user_id = account.id
        where p.id::text = lower(account.named) and p.auth_user_id is null returning p.id into profile;
        if profile is not null then
            perform flyos.copy_address(account.id, address);
        end if;
        return profile;
    end if;

    if address is not null then
        namesakes := array(select p.id from public.profiles p
            where lower(p.email collate "und-x-icu") = lower(address collate "und-x-icu") limit 2);
        if namesakes <> '{}' then
            if account.email_confirmed_at is not null and array_length(namesakes, 1) = 1 then
                update public.profiles p set auth_user_id = account.id
                where p.id = namesakes[1] and p.auth_user_id is null and p.role = 'OPERATOR' returning p.id into profile;
            end if;
            return profile;
        end if;
    end if;

    if p_make then
        -- Whoever has no address signs in by telephone.
        address := coalesce(address, account.id || '@account.invalid');
        username := flyos.free_username(address);
        insert into public.profiles (id, username, full_name, email, role, status, auth_user_id)
        values (gen_random_uuid(), username, username, address, 'OPERATOR', 'INACTIVE', account.id)
        returning id into profile;
    end if;
    return profile;
end
$$;

-- The address of a linked profile is the account's; where it cannot be (somebody else's profile has it), the link
-- stays all the same.
create or replace function flyos.copy_address(p_account uuid, p_address text) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if nullif(p_address, '') is not null then
        update public.profiles p set email = p_address
        where p.auth_user_id = p_account and p.email is distinct from p_address;
    end if;
exception when others then
    raise warning 'flyos: the address of account % did not reach its profile: %', p_account, sqlerrm;
end
$$;

create or replace function flyos.account_written() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    perform flyos.place_account(new.id, tg_op = 'INSERT');
    return null;
exception when others then
    raise warning 'flyos: account % has no profile: %', new.id, sqlerrm;
    return null;
end
$$;

create or replace function flyos.account_moved() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    if new.deleted_at is not null then
        -- Gone as far as anybody can tell; the sign-in server keeps its id, and scrambles the address.
        update public.profiles p set auth_user_id = null where p.auth_user_id = new.id;
    elsif new.email is distinct from old.email then
        perform flyos.copy_address(new.id, new.email);
    end if;
    return null;
exception when others then
    raise warning 'flyos: what became of account % did not reach its profile: %', new.id, sqlerrm;
    return null;
end
$$;

-- Made where they are not there: the sign-in server's table is not ours, and taking a trigger off it needs more than
-- putting one on.
do $$
declare
    account uuid;
    new_here boolean;
begin
    select count(*) = 0 into new_here from pg_catalog.pg_trigger t
    where t.tgrelid = 'auth.users'::regclass and t.tgname = 'flyos_account_written';
    if not exists (select from pg_catalog.pg_trigger t
            where t.tgrelid = 'auth.users'::regclass and t.tgname = 'flyos_account_moved') then
        create trigger flyos_account_moved after update of email, deleted_at on auth.users
            for each row execute function flyos.account_moved();
    end if;
    if not new_here then
        return;
    end if;
    create constraint trigger flyos_account_written
        after insert or update of email, email_confirmed_at, raw_app_meta_data on auth.users
        deferrable initially deferred for each row execute function flyos.account_written();
    -- Accounts that were there before: by the same rule, and no profile is made up for anybody.
    for account in select u.id from auth.users u order by u.created_at, u.id loop
        begin
            perform flyos.place_account(account, false);
        exception when others then
            raise warning 'flyos: account % has no profile: %', account, sqlerrm;
        end;
    end loop;
end
$$;

-- A trigger of somebody else's that makes profiles of new accounts would stop every sign-up: our rules refuse a profile
-- without a username. It is told, since we cannot know what else it does.
do $$
declare
    t record;
begin
    for t in
        select g.tgname as name, p.oid::regprocedure as function
        from pg_catalog.pg_trigger g join pg_catalog.pg_proc p on p.oid = g.tgfoid
        where g.tgrelid = 'auth.users'::regclass and not g.tgisinternal and g.tgname not like 'flyos\_%'
            and p.prosrc ~* '\mprofiles\M'
    loop
        raise warning 'flyos: the trigger % on auth.users (function %) writes profiles too. Where the rules refuse what it'
            ' writes, nobody can be given an account: drop it, accounts get their profiles without.', t.name, t.function;
    end loop;
end
$$;

-- For the project's owner, in the SQL editor: the account and the profile of this address belong together, whatever
-- the role. `select flyos.link('name@unit.mil')`. After taking over it is what gives headquarters its first account.
create or replace function flyos.link(address text) returns text
language plpgsql security definer set search_path = '' as $$
declare
    accounts uuid[] := array(select u.id from auth.users u
        where lower(u.email) = lower(link.address) and u.deleted_at is null);
    person record;
begin
    if coalesce(array_length(accounts, 1), 0) <> 1 then
        raise exception 'There is no sign-in account of that address, or more than one. Nothing was changed.';
    elsif (select count(*) from public.profiles p where lower(p.email) = lower(link.address)) <> 1 then
        raise exception 'There is no profile of that address, or more than one. Nothing was changed.';
    end if;
    select p.id, p.username, p.role, p.auth_user_id into person
        from public.profiles p where lower(p.email) = lower(link.address);
    if person.auth_user_id = accounts[1] then
        return 'They belong together already.';
    elsif person.auth_user_id is not null
        or exists (select from public.profiles p where p.auth_user_id = accounts[1]) then
        raise exception 'One of them belongs to another already. Nothing was changed.';
    end if;
    update public.profiles p set auth_user_id = accounts[1] where p.id = person.id;
    return format('%s (%s) signs in with %s now.', coalesce(person.username, person.id::text),
        coalesce(person.role, 'no role'), link.address);
end
$$;

-- Bars an account and ends its sessions, or lifts that bar. A ban by hand stays what it is.
create or replace function flyos.bar_account(p_account uuid, p_bar boolean) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if p_bar then
        update auth.users u set banned_until = flyos.barred_until()
            where u.id = p_account and (u.banned_until is null or u.banned_until <= now());
        delete from auth.sessions s where s.user_id = p_account;
    else
        update auth.users u set banned_until = null where u.id = p_account and u.banned_until = flyos.barred_until();
    end if;
exception when insufficient_privilege then
    -- Row-level security refuses whoever has no active profile; only the sign-in itself stays open.
    raise warning 'flyos: account % cannot be barred from here: %', p_account, sqlerrm;
end
$$;

create or replace function flyos.profile_left() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    if tg_op = 'DELETE' then
        if old.auth_user_id is not null then
            perform flyos.bar_account(old.auth_user_id, true);
            -- So that it is never taken for a new account again.
            begin
                update auth.users u set raw_app_meta_data = coalesce(u.raw_app_meta_data, '{}')
                    || jsonb_build_object('flyos_profile_id', old.id) where u.id = old.auth_user_id;
            exception when insufficient_privilege then
                raise warning 'flyos: account % cannot be marked from here: %', old.auth_user_id, sqlerrm;
            end;
        end if;
    elsif new.auth_user_id is not null then
        perform flyos.bar_account(new.auth_user_id, new.status is distinct from 'ACTIVE');
    end if;
    return null;
end
$$;

drop trigger if exists flyos_6_account on public.profiles;
create trigger flyos_6_account after delete on public.profiles for each row execute function flyos.profile_left();
drop trigger if exists flyos_6_status on public.profiles;
create trigger flyos_6_status after update on public.profiles for each row
    when (new.status is distinct from old.status) execute function flyos.profile_left();

-- For `admin-users`: who calls, as the database says it. `last_main_hq`: nobody else is an active MAIN_HQ.
create or replace function public.admin_caller() returns jsonb
language sql stable security definer set search_path = '' as $$
    select case when c.must is not null then jsonb_build_object('must', c.must) else jsonb_build_object(
        'must', null, 'user', c.user_id, 'role', c.role, 'status', 'ACTIVE',
        'last_main_hq', c.role = 'MAIN_HQ' and not exists (select from public.profiles p
            where p.id <> c.user_id and p.role = 'MAIN_HQ' and p.status = 'ACTIVE')) end
    from flyos.caller() c
$$;

-- The word for who may not work, or null for a MAIN_HQ and for who holds the secret key; everybody else is refused.
create or replace function flyos.demand_main_hq() returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
    me flyos.actor := flyos.caller();
begin
    if current_setting('role', true) = 'service_role' then
        return null;
    elsif me.must is not null then
        return jsonb_build_object('must', me.must);
    elsif me.role is distinct from 'MAIN_HQ' then
        perform flyos.refuse('forbidden', null, 'To manage sign-in accounts needs the role MAIN_HQ.');
    end if;
    return null;
end
$$;

-- Ends every session of an account; the sign-in server has no call for that.
create or replace function public.admin_sign_out(account uuid) returns jsonb
language plpgsql volatile security definer set search_path = '' as $$
declare
    word jsonb := flyos.demand_main_hq();
    n bigint;
begin
    if word is not null then
        return word;
    end if;
    delete from auth.sessions s where s.user_id = admin_sign_out.account;
    get diagnostics n = row_count;
    return jsonb_build_object('ended', n);
end
$$;

-- Which of these accounts have a profile: `{"linked": {account: profile}}`.
create or replace function public.admin_linked(accounts uuid[]) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
    word jsonb;
begin
    if array_length(accounts, 1) > 1000 then
        perform sync.fault('PT413', 'At most 1000 accounts are looked up at once.');
    end if;
    word := flyos.demand_main_hq();
    if word is not null then
        return word;
    end if;
    return jsonb_build_object('linked', (select coalesce(jsonb_object_agg(p.auth_user_id, p.id), '{}')
        from public.profiles p where p.auth_user_id = any (admin_linked.accounts)));
end
$$;

revoke execute on all functions in schema flyos from public;
revoke execute on function public.admin_caller(), public.admin_sign_out(uuid), public.admin_linked(uuid[])
    from public, anon, service_role;
grant execute on function public.admin_caller(), public.admin_sign_out(uuid), public.admin_linked(uuid[])
    to authenticated;
grant execute on function public.admin_sign_out(uuid), public.admin_linked(uuid[]) to service_role;

-- Nudges come over private topics, one per scope: whoever has the scope hears it, everybody who may work hears
-- `sync:all`, nobody but the database sends.
create or replace function sync.may_hear(p_topic text) returns boolean
language sql stable security definer set search_path = '' as $$
    select coalesce(case when p_topic = 'sync:all' then flyos.my_role() is not null
        when p_topic like 'sync:%' then substr(p_topic, 6) = any (sync.my_scopes()) end, false)
$$;
revoke execute on function sync.may_hear(text) from public;
grant execute on function sync.may_hear(text) to authenticated;

do $$
begin
    if to_regclass('realtime.messages') is not null then
        drop policy if exists flyos_hear on realtime.messages;
        create policy flyos_hear on realtime.messages for select to authenticated
            using (extension = 'broadcast' and (select sync.may_hear((select realtime.topic()))));
    end if;
end
$$;
