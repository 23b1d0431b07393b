-- A key for each device of an account, kept here and given to whoever is signed in as that account.
--
-- * What a console keeps on its machine is sealed with a key of its own, and one copy of that key is sealed with this
--   one. So edits that were not sent yet survive a password that headquarters set anew: the next sign-in with the new
--   password fetches this key and opens them. By itself it opens nothing: the sealed copy is on the device.
-- * Deleting the row (`public.erase_device`, or by hand) is the remote erase: the device is told so the next time it is
--   heard of, destroys its keys, and never gets another under its name. What was deleted is remembered apart, so that a
--   row that is merely missing, as after a restore from a backup, never erases anything.
-- * Whoever may not work (no profile, INACTIVE, ended session, second factor not given) gets no key.
-- * Nobody reaches the tables but through the two functions; the policies hold should somebody grant more.

set local client_min_messages = warning;

create table if not exists sync.device_key (
    -- The sign-in account; a device is known by the number that it made for itself.
    account uuid not null references auth.users (id) on delete cascade,
    device uuid not null,
    -- 32 random bytes in base64.
    secret text not null check (secret ~ '^[A-Za-z0-9+/]{43}=$'),
    at timestamptz not null default now(),
    primary key (account, device)
);

-- Devices whose key was deleted.
create table if not exists sync.erased_device (
    account uuid not null references auth.users (id) on delete cascade,
    device uuid not null,
    at timestamptz not null default now(),
    primary key (account, device)
);

alter table sync.device_key enable row level security;
alter table sync.erased_device enable row level security;
revoke all on sync.device_key, sync.erased_device from public, anon, authenticated, service_role;

drop policy if exists flyos_own_key on sync.device_key;
create policy flyos_own_key on sync.device_key for all to authenticated
    using (account = (select auth.uid())) with check (account = (select auth.uid()));
drop policy if exists flyos_own_erased on sync.erased_device;
create policy flyos_own_erased on sync.erased_device for select to authenticated
    using (account = (select auth.uid()));

create or replace function sync.device_key_gone() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
    -- Where the account itself went, its marks go with it.
    insert into sync.erased_device (account, device)
    select old.account, old.device where exists (select from auth.users u where u.id = old.account)
    on conflict do nothing;
    return null;
end
$$;

drop trigger if exists flyos_gone on sync.device_key;
create trigger flyos_gone after delete on sync.device_key for each row execute function sync.device_key_gone();

-- Devices of one account that have a key, at most; beyond, none is kept for more of them.
create or replace function sync.device_keys_max() returns int language sql immutable parallel safe
    set search_path = '' return 200;

-- The key of the caller's device: the one that is kept, or `offered` from now on. Answers `{"key": text or null}`,
-- `{"erased": true}`, or `{"must": …}` for who may not work.
create or replace function public.device_key(device uuid, offered text) returns jsonb
language plpgsql volatile security definer set search_path = '' as $$
declare
    word text := (flyos.caller()).must;
    me uuid := auth.uid();
    kept text;
begin
    if word is not null then
        return jsonb_build_object('must', word);
    elsif device_key.device is null or coalesce(offered, '') !~ '^[A-Za-z0-9+/]{43}=$' then
        perform sync.fault('PT400', 'device is a uuid, and offered 32 bytes in base64.');
    elsif exists (select from sync.erased_device e where e.account = me and e.device = device_key.device) then
        return jsonb_build_object('erased', true);
    end if;
    if (select count(*) from sync.device_key k where k.account = me) < sync.device_keys_max() then
        insert into sync.device_key (account, device, secret) values (me, device_key.device, offered)
        on conflict do nothing;
    end if;
    select k.secret into kept from sync.device_key k where k.account = me and k.device = device_key.device;
    return jsonb_build_object('key', kept);
end
$$;

-- For headquarters: what this person's device has is to be erased. `user_id` and `device` as `sync_devices` tells them.
create or replace function public.erase_device(user_id uuid, device uuid) returns jsonb
language plpgsql volatile security definer set search_path = '' as $$
declare
    word jsonb := flyos.demand_main_hq();
    theirs uuid;
begin
    if word is not null then
        return word;
    end if;
    select p.auth_user_id into theirs from public.profiles p where p.id = erase_device.user_id;
    if theirs is null or erase_device.device is null then
        perform flyos.refuse('invalid', null, 'There is no sign-in account of that user. Nothing was changed.');
    end if;
    delete from sync.device_key k where k.account = theirs and k.device = erase_device.device;
    insert into sync.erased_device (account, device) values (theirs, erase_device.device) on conflict do nothing;
    return jsonb_build_object('erased', true);
end
$$;

revoke execute on all functions in schema sync from public;
revoke execute on function public.device_key(uuid, text), public.erase_device(uuid, uuid)
    from public, anon, service_role;
grant execute on function public.device_key(uuid, text), public.erase_device(uuid, uuid) to authenticated;
grant execute on function public.erase_device(uuid, uuid) to service_role;
