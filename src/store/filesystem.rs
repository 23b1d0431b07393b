//! On what a folder lies: the console's own disk, or another machine's.
//!
//! The lock and the journal's promise rest on `flock` and `fdatasync`. Over a network neither is what it says: another
//! machine may hold the same lock, and what was synced may be in a server's memory. So the data folder is refused
//! there, before anything is written.
//!
//! The system says of each file system what kind it is. Of those served by a program (FUSE) many are local: an ext4
//! image, an overlay, an encrypted folder. These are told apart by their name in the table of mounts, and by where they
//! come from: what names a host is on one. What is not known as another machine's is taken for local.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{StatFs, major, minor, statfs, statvfs};

use super::error::StoreError;

/// File systems of other machines, by the number that the system gives each kind (`statfs(2)`, `linux/magic.h`), and of
/// the host that a virtual machine runs on.
const FOREIGN: [(u32, &str); 17] = [
    (0x0000_6969, "NFS"),
    (0x0000_517b, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0x0102_1997, "9P"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0000_564c, "NCP"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x1983_0326, "BeeGFS"),
    (0x2030_3528, "OrangeFS"),
    (0x7c7c_6673, "Parallels"),
    (0x786f_4256, "VirtualBox"),
    (0xbacb_acbc, "VMware"),
];
/// What all file systems served by a program have for a number.
const FUSE: u32 = 0x6573_5546;
/// Programs that bring another machine's files, as the table of mounts names them after `fuse.`.
const FOREIGN_FUSE: [&str; 34] = [
    "sshfs",
    "rclone",
    "s3fs",
    "s3ql",
    "gcsfuse",
    "goofys",
    "mount-s3",
    "blobfuse",
    "blobfuse2",
    "glusterfs",
    "ceph-fuse",
    "cephfs",
    "beegfs",
    "juicefs",
    "JuiceFS",
    "seaweedfs",
    "weed",
    "mfs",
    "moosefs",
    "lizardfs",
    "saunafs",
    "davfs",
    "davfs2",
    "curlftpfs",
    "smbnetfs",
    "gvfsd-fuse",
    "kio-fuse",
    "hdfs",
    "fuse_dfs",
    "nfs",
    "vmhgfs-fuse",
    "osxfs",
    "grpcfuse",
    "onedriver",
];

/// Why a folder there cannot be relied on: what it lies on. `None`: it can, as far as the system tells.
pub fn foreign(path: &Path) -> Option<String> {
    let found = statfs(path).ok()?;
    match kind(&found) {
        FUSE => {
            let device = fs::metadata(path).ok()?.dev();
            let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
            let (name, source) = mounted(&table, device)?;
            judge_fuse(name, source)
        }
        kind => FOREIGN.iter().find(|(known, _)| *known == kind).map(|(_, name)| (*name).to_owned()),
    }
}

/// Refuses a folder of another machine.
pub(super) fn refuse_foreign(path: &Path) -> Result<(), StoreError> {
    foreign(path).map_or(Ok(()), |kind| Err(StoreError::Foreign { path: path.to_owned(), kind }))
}

/// The name of the file system that a folder lies on, as the table of mounts has it; for people.
pub fn name(path: &Path) -> Option<String> {
    let device = fs::metadata(path).ok()?.dev();
    let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounted(&table, device).map(|(name, _)| name.to_owned())
}

/// Bytes that may still be written by this user where a folder lies.
pub fn room(path: &Path) -> Option<u64> {
    let found = statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// The number has 32 bits, whatever the width of the system's own type, and its sign says nothing.
fn kind(found: &StatFs) -> u32 {
    u32::try_from(i128::from(found.f_type) & 0xffff_ffff).unwrap_or_default()
}

/// The kind and the source of what is mounted as that device. Lines such as
/// `36 35 98:0 /root /mnt rw,noatime master:1 - ext4 /dev/root rw`; of several the last, which lies on top.
fn mounted(table: &str, device: u64) -> Option<(&str, &str)> {
    let wanted = format!("{}:{}", major(device), minor(device));
    let of_it = |line: &&str| line.split_whitespace().nth(2) == Some(wanted.as_str());
    let (_, what) = table.lines().rfind(of_it)?.split_once(" - ")?;
    let mut words = what.split_whitespace();
    Some((words.next()?, words.next().unwrap_or_default()))
}

fn judge_fuse(name: &str, source: &str) -> Option<String> {
    let program = name.strip_prefix("fuse.").unwrap_or(name);
    let is_known = FOREIGN_FUSE.contains(&program) || FOREIGN_FUSE.contains(&source);
    // `host:/path`, `me@host:`, `//host/share`, `s3://bucket`; a path may have a colon further on.
    let host = source.split(['/', '@']).next().is_some_and(|first| first.contains(':'));
    let names_host = host
        || source.contains("://")
        || source.starts_with("//")
        || source.contains('@') && source.contains(':');
    // Of a disk of this machine, whatever its name.
    let is_disk = name == "fuseblk" || source.starts_with("/dev/");
    (!is_disk && (is_known || names_host)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_serve_files_are_told_apart() {
        for (name, source) in [
            ("fuse.sshfs", "me@10.0.0.7:/srv"),
            ("fuse.sshfs", "ground-1:"),
            ("fuse.rclone", "store:flyos"),
            ("fuse", "https://dav.example/files"),
            ("fuse.curlftpfs", "ftp"),
            ("fuse.unheard-of", "//server/share"),
            ("fuse", "s3fs"),
            ("fuse.glusterfs", "gluster:volume"),
        ] {
            assert_eq!(judge_fuse(name, source).as_deref(), Some(name), "{name} {source}");
        }
        for (name, source) in [
            ("fuseblk", "/dev/sdb1"),
            ("fuse.fuse-ext2", "/home/ann/disk.img"),
            ("fuse.ext4", "/dev/mapper/home"),
            ("fuse.fuse-overlayfs", "fuse-overlayfs"),
            ("fuse.gocryptfs", "/home/ann/crypt"),
            ("fuse.gocryptfs", "/home/ann/of 2026-11-21T10:00"),
            ("fuse.encfs", "encfs"),
            ("fuse.mergerfs", "1/a:1/b"),
            ("fuse.bindfs", "/srv/data"),
        ] {
            assert_eq!(judge_fuse(name, source), None, "{name} {source}");
        }
    }

    #[test]
    fn the_table_of_mounts_is_read_by_its_columns() {
        let table = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n\
                     40 22 0:36 / /mnt/a\\040b rw,nosuid shared:2 master:3 - fuse.sshfs me@host:/srv rw,user_id=0\n\
                     41 22 0:37 / /x rw - tmpfs tmpfs rw\n42 22 0:37 / /x rw - fuse.s3fs s3fs rw\nno line\n";
        let device = rustix::fs::makedev;
        assert_eq!(mounted(table, device(254, 0)), Some(("ext4", "/dev/root")));
        assert_eq!(mounted(table, device(0, 36)), Some(("fuse.sshfs", "me@host:/srv")));
        assert_eq!(mounted(table, device(0, 37)), Some(("fuse.s3fs", "s3fs")), "the one on top");
        assert_eq!(mounted(table, device(0, 38)), None);
    }

    #[test]
    fn this_machines_own_are_taken() {
        let place = tempfile::tempdir().expect("a folder");
        for path in [place.path(), Path::new("/dev/shm"), Path::new("/"), Path::new("/proc")] {
            assert_eq!(foreign(path), None, "{}", path.display());
        }
        assert!(room(place.path()).is_some_and(|room| room > 0));
        assert!(name(place.path()).is_some());
    }
}
