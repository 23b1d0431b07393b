-- The initial data set: two regions with their people, drones and who flies what. No sign-in accounts: make those with
-- `admin-users`, from the console.
--
-- `supabase db reset` runs this on a local project; on a hosted one run it in the SQL editor, after the migrations. It
-- goes through the rules as anybody's edit does. Rows whose key or name is taken are passed over, with what depends on
-- them, so it can be run again, and beside people who are there already; what was deleted in between comes back.
--
-- The same rows as in the training server's `assets/initial.json`; a test holds the two together.

do $seed$
declare
    people uuid[];
    aircraft text[];
begin
    insert into public.regions (id, name, area, commander_name, status, created_at, updated_at)
    select v.id::uuid, v.name, v.area, v.commander_name, v.status, v.created_at::timestamptz, v.updated_at::timestamptz
    from (values
        ('0194a3c0-0000-7000-8000-000000000001', 'Eastern', 'Atlantic seaboard, from the Carolinas to Maine',
            'Col. Sarah Mitchell', 'ACTIVE', '2025-01-14 08:30:00Z', '2026-02-03 14:11:26.41Z'),
        ('0194a3c0-0000-7000-8000-000000000002', 'Western', 'Pacific coast and the Great Basin',
            'Col. James Harrington', 'ACTIVE', '2025-01-14 08:42:00Z', '2025-01-14 08:42:00Z')
    ) as v (id, name, area, commander_name, status, created_at, updated_at)
    where not exists (select from public.regions r where r.id = v.id::uuid or lower(r.name) = lower(v.name));

    -- Everybody ACTIVE at first: who is not takes no drones.
    with made as (
        insert into public.profiles (id, username, full_name, email, role, region_id, status, created_at, updated_at)
        select v.id::uuid, v.username, v.full_name, v.email, v.role, v.region_id::uuid, 'ACTIVE',
            v.created_at::timestamptz, v.updated_at::timestamptz
        from (values
            ('0194a3d2-0000-7000-8000-000000000001', 'main_admin', 'Main Administrator', 'main@flyos.mil', 'MAIN_HQ',
                null, '2025-01-14 08:00:00Z', '2025-01-14 08:00:00Z'),
            ('0194a3d2-0000-7000-8000-000000000002', 'east_hq', 'Col. Sarah Mitchell', 'east@flyos.mil', 'REGIONAL_HQ',
                '0194a3c0-0000-7000-8000-000000000001', '2025-01-14 09:05:00Z', '2025-08-01 09:14:55.03Z'),
            ('0194a3d2-0000-7000-8000-000000000003', 'west_hq', 'Col. James Harrington', 'west@flyos.mil', 'REGIONAL_HQ',
                '0194a3c0-0000-7000-8000-000000000002', '2025-01-14 09:12:00Z', '2025-01-14 09:12:00Z'),
            ('0194a3d2-0000-7000-8000-000000000004', 'operator1', 'Lt. Michael Rodriguez', 'operator1@flyos.mil', 'OPERATOR',
                '0194a3c0-0000-7000-8000-000000000001', '2025-01-20 07:45:00Z', '2025-01-20 07:45:00Z'),
            ('0194a3d2-0000-7000-8000-000000000005', 'operator2', 'Lt. Emily Chen', 'operator2@flyos.mil', 'OPERATOR',
                '0194a3c0-0000-7000-8000-000000000002', '2025-01-20 07:51:00Z', '2025-01-20 07:51:00Z'),
            ('0194a3d2-0000-7000-8000-000000000006', 'deputy_admin', 'Lt. Col. Robert Haines', 'deputy@flyos.mil', 'MAIN_HQ',
                null, '2025-03-03 10:20:00Z', '2025-03-03 10:20:00Z'),
            ('0194a3d2-0000-7000-8000-000000000007', 'east_ops', 'Maj. Laura Bennett', 'east.ops@flyos.mil', 'REGIONAL_HQ',
                '0194a3c0-0000-7000-8000-000000000001', '2025-04-22 11:00:00Z', '2025-04-22 11:00:00Z'),
            ('0194a3d2-0000-7000-8000-000000000008', 't_weaver', 'Sgt. Thomas Weaver', 't.weaver@flyos.mil', 'OPERATOR',
                '0194a3c0-0000-7000-8000-000000000001', '2025-02-11 09:30:00Z', '2026-06-30 16:00:12.7Z'),
            ('0194a3d2-0000-7000-8000-000000000009', 'd_okafor', 'Sgt. David Okafor', 'd.okafor@flyos.mil', 'OPERATOR',
                '0194a3c0-0000-7000-8000-000000000001', '2025-02-11 09:34:00Z', '2025-02-11 09:34:00Z'),
            ('0194a3d2-0000-7000-8000-00000000000a', 'a_lindqvist', 'Sgt. Anna Lindqvist', 'a.lindqvist@flyos.mil', 'OPERATOR',
                '0194a3c0-0000-7000-8000-000000000001', '2025-05-06 13:15:00Z', '2025-05-06 13:15:00Z'),
            ('0194a3d2-0000-7000-8000-00000000000b', 'm_petrov', 'Cpl. Maria Petrov', 'm.petrov@flyos.mil', 'OPERATOR',
                '0194a3c0-0000-7000-8000-000000000001', '2025-09-18 08:05:00Z', '2025-09-18 08:05:00Z'),
            ('0194a3d2-0000-7000-8000-00000000000c', 'j_alvarez', 'Cpl. Jorge Alvarez', 'j.alvarez@flyos.mil', 'OPERATOR',
                '0194a3c0-0000-7000-8000-000000000001', '2026-03-02 07:55:00Z', '2026-03-02 07:55:00Z'),
            ('0194a3d2-0000-7000-8000-00000000000d', 'k_tanaka', 'Sgt. Kenji Tanaka', 'k.tanaka@flyos.mil', 'OPERATOR',
                '0194a3c0-0000-7000-8000-000000000002', '2025-02-13 16:20:00Z', '2025-02-13 16:20:00Z'),
            ('0194a3d2-0000-7000-8000-00000000000e', 's_morgan', 'Sgt. Sophie Morgan', 's.morgan@flyos.mil', 'OPERATOR',
                '0194a3c0-0000-7000-8000-000000000002', '2025-06-24 15:40:00Z', '2025-06-24 15:40:00Z'),
            ('0194a3d2-0000-7000-8000-00000000000f', 'r_whitehorse', 'Cpl. Ray Whitehorse', 'r.whitehorse@flyos.mil', 'OPERATOR',
                '0194a3c0-0000-7000-8000-000000000002', '2025-11-03 17:10:00Z', '2025-11-03 17:10:00Z'),
            ('0194a3d2-0000-7000-8000-000000000010', 'n_fraser', 'Cpl. Nicole Fraser', 'n.fraser@flyos.mil', 'OPERATOR',
                '0194a3c0-0000-7000-8000-000000000002', '2026-05-19 14:25:00Z', '2026-05-19 14:25:00Z'),
            ('0194a3d2-0000-7000-8000-000000000011', 'h_brandt', 'WO Heinrich Brandt', 'h.brandt@flyos.mil', 'OPERATOR',
                null, '2026-01-12 10:00:00Z', '2026-01-12 10:00:00Z')
        ) as v (id, username, full_name, email, role, region_id, created_at, updated_at)
        where (v.region_id is null or exists (select from public.regions r where r.id = v.region_id::uuid))
            and not exists (select from public.profiles p where p.id = v.id::uuid
                or lower(p.username) = lower(v.username) or lower(p.email) = lower(v.email))
        returning id
    )
    select coalesce(array_agg(id), '{}') into people from made;

    with made as (
        insert into public.drones (id, model, status, region_id, created_at, updated_at)
        select v.id, v.model, v.status, v.region_id::uuid, v.created_at::timestamptz, v.updated_at::timestamptz
        from (values
            ('drone-001', 'FlyOS_MQ5', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000001',
                '2025-02-18 10:34:25Z', '2025-04-01 11:23:29.841Z'),
            ('drone-002', 'FlyOS_MQ7', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000001',
                '2025-03-07 08:59:58Z', '2025-04-09 12:39:00.089Z'),
            ('drone-003', 'FlyOS_MQ9', 'STANDBY', '0194a3c0-0000-7000-8000-000000000001',
                '2025-03-20 15:14:03Z', '2025-05-13 00:53:10.971Z'),
            ('drone-004', 'FlyOS_MQ5', 'STANDBY', '0194a3c0-0000-7000-8000-000000000001',
                '2025-04-14 14:46:03Z', '2025-04-29 15:33:38.88Z'),
            ('drone-005', 'FlyOS_MQ5', 'MAINTENANCE', '0194a3c0-0000-7000-8000-000000000001',
                '2025-04-28 10:27:34Z', '2025-05-06 20:11:53.574Z'),
            ('drone-006', 'FlyOS_MQ7', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000001',
                '2025-05-18 11:12:23Z', '2025-05-25 20:33:08.065Z'),
            ('drone-007', 'FlyOS_MQ7', 'OFFLINE', '0194a3c0-0000-7000-8000-000000000001',
                '2025-06-04 11:30:31Z', '2025-07-18 20:34:58.796Z'),
            ('drone-008', 'FlyOS_MQ9', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000001',
                '2025-06-17 15:56:37Z', '2025-08-16 23:41:00.307Z'),
            ('drone-009', 'FlyOS_MQ9', 'STANDBY', '0194a3c0-0000-7000-8000-000000000001',
                '2025-07-07 16:26:56Z', '2025-07-30 00:06:14.624Z'),
            ('drone-010', 'FlyOS_MQ5', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000001',
                '2025-07-24 15:08:10Z', '2025-09-11 20:58:19.956Z'),
            ('drone-011', 'FlyOS_MQ7', 'MAINTENANCE', '0194a3c0-0000-7000-8000-000000000001',
                '2025-08-02 09:19:48Z', '2025-09-07 19:06:38.897Z'),
            ('drone-012', 'FlyOS_MQ5', 'STANDBY', '0194a3c0-0000-7000-8000-000000000001',
                '2025-08-24 16:28:37Z', '2025-10-16 00:15:41.861Z'),
            ('drone-013', 'FlyOS_MQ9', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000001',
                '2025-09-06 12:36:30Z', '2025-10-21 13:42:33.749Z'),
            ('drone-014', 'FlyOS_MQ7', 'STANDBY', '0194a3c0-0000-7000-8000-000000000001',
                '2025-09-29 12:51:45Z', '2025-10-24 18:46:46.964Z'),
            ('drone-015', 'FlyOS_MQ5', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000002',
                '2025-10-11 09:59:31Z', '2025-10-15 13:43:20.295Z'),
            ('drone-016', 'FlyOS_MQ7', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000002',
                '2025-11-01 14:40:58Z', '2025-12-27 23:09:03.171Z'),
            ('drone-017', 'FlyOS_MQ9', 'STANDBY', '0194a3c0-0000-7000-8000-000000000002',
                '2025-11-14 15:20:55Z', '2025-12-20 20:06:40.426Z'),
            ('drone-018', 'FlyOS_MQ5', 'MAINTENANCE', '0194a3c0-0000-7000-8000-000000000002',
                '2025-12-02 10:34:05Z', '2025-12-14 13:08:19.675Z'),
            ('drone-019', 'FlyOS_MQ7', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000002',
                '2025-12-23 11:06:16Z', '2026-01-11 11:10:25.43Z'),
            ('drone-020', 'FlyOS_MQ9', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000002',
                '2026-01-11 13:26:08Z', '2026-02-25 22:13:47.671Z'),
            ('drone-021', 'FlyOS_MQ5', 'STANDBY', '0194a3c0-0000-7000-8000-000000000002',
                '2026-01-25 14:48:25Z', '2026-02-01 23:02:05.411Z'),
            ('drone-022', 'FlyOS_MQ5', 'OFFLINE', '0194a3c0-0000-7000-8000-000000000002',
                '2026-02-06 11:33:28Z', '2026-02-17 13:25:49.616Z'),
            ('drone-023', 'FlyOS_MQ7', 'STANDBY', '0194a3c0-0000-7000-8000-000000000002',
                '2026-02-22 09:44:00Z', '2026-03-31 12:18:34.104Z'),
            ('drone-024', 'FlyOS_MQ9', 'MAINTENANCE', '0194a3c0-0000-7000-8000-000000000002',
                '2026-03-20 14:25:09Z', '2026-04-30 18:43:31.617Z'),
            ('drone-025', 'FlyOS_MQ5', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000002',
                '2026-04-02 16:05:07Z', '2026-04-11 00:24:36.492Z'),
            ('drone-026', 'FlyOS_MQ7', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000002',
                '2026-04-15 10:27:06Z', '2026-06-02 16:17:53.272Z'),
            ('drone-027', 'FlyOS_MQ9', 'STANDBY', '0194a3c0-0000-7000-8000-000000000002',
                '2026-05-09 08:23:13Z', '2026-06-12 14:33:22.707Z'),
            ('drone-028', 'FlyOS_MQ5', 'STANDBY', null,
                '2026-05-26 13:05:41Z', '2026-07-21 14:39:25.866Z'),
            ('drone-029', 'FlyOS_MQ7', 'MAINTENANCE', null,
                '2026-06-08 16:50:23Z', '2026-08-06 19:41:45.791Z'),
            ('drone-030', 'FlyOS_MQ9', 'ACTIVE', null,
                '2026-06-24 16:34:21Z', '2026-08-04 20:23:00.831Z'),
            ('drone-031', 'FlyOS_MQ9', 'OFFLINE', null,
                '2026-07-11 16:50:31Z', '2026-08-03 17:19:32.81Z'),
            ('drone-032', 'FlyOS_MQ7', 'STANDBY', null,
                '2026-07-29 16:03:16Z', '2026-08-11 21:55:44.828Z')
        ) as v (id, model, status, region_id, created_at, updated_at)
        where (v.region_id is null or exists (select from public.regions r where r.id = v.region_id::uuid))
            and not exists (select from public.drones d where lower(d.id) = lower(v.id))
        returning id
    )
    select coalesce(array_agg(id), '{}') into aircraft from made;

    insert into public.user_drone_assignments (user_id, drone_id, assigned_at)
    select v.user_id::uuid, v.drone_id, v.assigned_at::timestamptz
    from (values
        ('0194a3d2-0000-7000-8000-000000000004', 'drone-001', '2025-02-19 15:08:25Z'),
        ('0194a3d2-0000-7000-8000-000000000004', 'drone-002', '2025-03-08 12:41:58Z'),
        ('0194a3d2-0000-7000-8000-000000000009', 'drone-002', '2025-03-09 09:34:58Z'),
        ('0194a3d2-0000-7000-8000-000000000004', 'drone-003', '2025-03-21 17:08:03Z'),
        ('0194a3d2-0000-7000-8000-00000000000a', 'drone-003', '2025-05-07 23:06:00Z'),
        ('0194a3d2-0000-7000-8000-000000000009', 'drone-004', '2025-04-15 15:54:03Z'),
        ('0194a3d2-0000-7000-8000-000000000004', 'drone-005', '2025-04-29 11:59:34Z'),
        ('0194a3d2-0000-7000-8000-000000000009', 'drone-006', '2025-05-19 16:00:23Z'),
        ('0194a3d2-0000-7000-8000-00000000000a', 'drone-008', '2025-06-18 18:03:37Z'),
        ('0194a3d2-0000-7000-8000-000000000004', 'drone-008', '2025-06-19 18:00:37Z'),
        ('0194a3d2-0000-7000-8000-00000000000b', 'drone-008', '2025-09-19 13:13:00Z'),
        ('0194a3d2-0000-7000-8000-00000000000b', 'drone-009', '2025-09-19 10:06:00Z'),
        ('0194a3d2-0000-7000-8000-00000000000c', 'drone-010', '2026-03-03 15:07:00Z'),
        ('0194a3d2-0000-7000-8000-00000000000c', 'drone-011', '2026-03-03 13:44:00Z'),
        ('0194a3d2-0000-7000-8000-00000000000a', 'drone-013', '2025-09-07 15:14:30Z'),
        ('0194a3d2-0000-7000-8000-000000000008', 'drone-014', '2025-09-30 16:47:45Z'),
        ('0194a3d2-0000-7000-8000-000000000005', 'drone-015', '2025-10-12 11:05:31Z'),
        ('0194a3d2-0000-7000-8000-000000000005', 'drone-016', '2025-11-02 18:29:58Z'),
        ('0194a3d2-0000-7000-8000-00000000000d', 'drone-016', '2025-11-03 19:21:58Z'),
        ('0194a3d2-0000-7000-8000-000000000005', 'drone-017', '2025-11-15 18:23:55Z'),
        ('0194a3d2-0000-7000-8000-000000000005', 'drone-018', '2025-12-03 12:33:05Z'),
        ('0194a3d2-0000-7000-8000-00000000000d', 'drone-019', '2025-12-24 15:39:16Z'),
        ('0194a3d2-0000-7000-8000-00000000000d', 'drone-020', '2026-01-12 13:53:08Z'),
        ('0194a3d2-0000-7000-8000-00000000000e', 'drone-020', '2026-01-13 18:12:08Z'),
        ('0194a3d2-0000-7000-8000-00000000000e', 'drone-021', '2026-01-26 15:19:25Z'),
        ('0194a3d2-0000-7000-8000-00000000000f', 'drone-023', '2026-02-23 12:50:00Z'),
        ('0194a3d2-0000-7000-8000-000000000010', 'drone-023', '2026-05-20 17:58:00Z'),
        ('0194a3d2-0000-7000-8000-000000000010', 'drone-025', '2026-05-20 19:45:00Z'),
        ('0194a3d2-0000-7000-8000-00000000000e', 'drone-026', '2026-04-16 14:32:06Z'),
        ('0194a3d2-0000-7000-8000-00000000000f', 'drone-027', '2026-05-10 13:01:13Z'),
        ('0194a3d2-0000-7000-8000-000000000011', 'drone-030', '2026-06-25 18:13:21Z'),
        ('0194a3d2-0000-7000-8000-000000000004', 'drone-030', '2026-06-26 19:59:21Z'),
        ('0194a3d2-0000-7000-8000-000000000011', 'drone-032', '2026-07-30 19:01:16Z')
    ) as v (user_id, drone_id, assigned_at)
    where v.user_id::uuid = any (people) and v.drone_id = any (aircraft);

    -- Who flies: somebody who is assigned.
    update public.drones d set operator_id = v.operator_id::uuid
    from (values
        ('drone-001', '0194a3d2-0000-7000-8000-000000000004'),
        ('drone-002', '0194a3d2-0000-7000-8000-000000000004'),
        ('drone-003', '0194a3d2-0000-7000-8000-000000000004'),
        ('drone-004', '0194a3d2-0000-7000-8000-000000000009'),
        ('drone-006', '0194a3d2-0000-7000-8000-000000000009'),
        ('drone-008', '0194a3d2-0000-7000-8000-00000000000a'),
        ('drone-009', '0194a3d2-0000-7000-8000-00000000000b'),
        ('drone-010', '0194a3d2-0000-7000-8000-00000000000c'),
        ('drone-013', '0194a3d2-0000-7000-8000-00000000000a'),
        ('drone-014', '0194a3d2-0000-7000-8000-000000000008'),
        ('drone-015', '0194a3d2-0000-7000-8000-000000000005'),
        ('drone-016', '0194a3d2-0000-7000-8000-000000000005'),
        ('drone-017', '0194a3d2-0000-7000-8000-000000000005'),
        ('drone-019', '0194a3d2-0000-7000-8000-00000000000d'),
        ('drone-020', '0194a3d2-0000-7000-8000-00000000000d'),
        ('drone-021', '0194a3d2-0000-7000-8000-00000000000e'),
        ('drone-023', '0194a3d2-0000-7000-8000-00000000000f'),
        ('drone-025', '0194a3d2-0000-7000-8000-000000000010'),
        ('drone-026', '0194a3d2-0000-7000-8000-00000000000e'),
        ('drone-030', '0194a3d2-0000-7000-8000-000000000011'),
        ('drone-032', '0194a3d2-0000-7000-8000-000000000011')
    ) as v (id, operator_id)
    where d.id = v.id and d.id = any (aircraft) and v.operator_id::uuid = any (people);

    update public.profiles set status = 'INACTIVE'
    where id in ('0194a3d2-0000-7000-8000-000000000008') and id = any (people);
end
$seed$;
