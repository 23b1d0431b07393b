-- What devices last said of themselves, as before, and of each whether headquarters had it erased.

set local client_min_messages = warning;

create or replace function sync.erased_of(p_user uuid) returns setof uuid
language sql stable security definer set search_path = '' rows 2 as $$
    select e.device from sync.erased_device e join public.profiles p on p.auth_user_id = e.account where p.id = p_user
$$;

create or replace function public.sync_devices() returns jsonb
language plpgsql stable security invoker set search_path = '' set jit = off set timezone = 'UTC' as $$
declare
    word text := sync.must(sync.schema_ver());
begin
    if word is not null then
        return jsonb_build_object('must', word);
    end if;
    return jsonb_build_object('devices', (
        select coalesce(jsonb_agg(jsonb_build_object('user', d.user_id, 'username', p.username, 'device', d.device,
            'waiting', d.waiting, 'oldest_s', d.oldest_s, 'needs_you', d.needs_you, 'version', d.version, 'at', d.at,
            'erased', d.device in (select sync.erased_of(p.id))) order by d.at desc, d.device), '[]')
        from public.profiles p, lateral sync.devices_of(p.id) d), 'server_time', clock_timestamp());
end
$$;

revoke execute on function sync.erased_of(uuid) from public;
grant execute on function sync.erased_of(uuid) to authenticated;
