//! What the process may take: memory, and the disk of the folder that it writes to. Both are looked up
//! whenever they are asked for.

use super::register::register;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGauge, Registry};
use std::path::{Path, PathBuf};

/// Enters the memory that the process may take.
pub(super) fn register_memory(registry: &Registry) {
    let help = "Bytes of memory that the process may take: what its control group allows, or all that \
                there is";
    register(registry, Limits { gauges: gauges([("recsys_memory_limit_bytes", help)]), look });

    fn look() -> Option<[u64; 1]> {
        memory_limit(|path| std::fs::read_to_string(path).ok()).map(|limit| [limit])
    }
}

/// Enters the space of the disk that a folder is on. The folder may be made later.
pub(super) fn register_disk(registry: &Registry, folder: &Path) {
    let folder = folder.to_owned();
    let gauges = gauges([
        ("recsys_files_free_bytes", "Bytes that may still be written to the disk of files.dir"),
        ("recsys_files_size_bytes", "Bytes of the disk of files.dir, those in use among them"),
    ]);
    register(registry, Limits { gauges, look: move || disk(&folder) });
}

/// Gauges, and the function that looks up their values; `None` when the system does not tell.
struct Limits<const N: usize, F> {
    gauges: [IntGauge; N],
    look: F,
}

fn gauges<const N: usize>(metrics: [(&str, &str); N]) -> [IntGauge; N] {
    metrics.map(|(name, help)| IntGauge::new(name, help).expect("its name is a good one"))
}

impl<const N: usize, F: Fn() -> Option<[u64; N]> + Send + Sync> Collector for Limits<N, F> {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges.iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(values) = (self.look)() else { return Vec::new() };
        let show = |(gauge, value): (&IntGauge, u64)| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.collect()
        };
        self.gauges.iter().zip(values).flat_map(show).collect()
    }
}

/// Finds the least of the machine's memory and of what the control groups that the process is in allow.
fn memory_limit(read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let machine = read(Path::new("/proc/meminfo"))
        .and_then(|text| text.lines().find_map(|line| kilobytes(line.strip_prefix("MemTotal:")?)));
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().filter_map(|line| {
        // `0::/path` in version 2, `4:memory:/path` in version 1.
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        // A group has no more than those around it. Without a limit it holds "max".
        let around = Path::new(path.trim_start_matches('/')).ancestors();
        let limit = |group: &Path| {
            read(&Path::new(root).join(group).join(file))?.trim().parse::<u64>().ok()
        };
        around.filter_map(limit).min()
    });
    limits.chain(machine).min()
}

fn kilobytes(text: &str) -> Option<u64> {
    text.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Returns the space that is left on a folder's disk, and with what is in use.
fn disk(folder: &Path) -> Option<[u64; 2]> {
    let here = PathBuf::from(".");
    let around = folder.ancestors().filter(|path| !path.as_os_str().is_empty());
    let mut around = around.chain([&*here]);
    let disk = around.find_map(|path| rustix::fs::statvfs(path).ok())?;
    let used = disk.f_blocks.saturating_sub(disk.f_bfree);
    // What is kept for the system's own use is no space of this process.
    Some([disk.f_bavail, disk.f_bavail + used].map(|blocks| blocks.saturating_mul(disk.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit where these files hold these texts.
    fn check(files: &[(&str, &str)], expected: Option<u64>) {
        let read = |path: &Path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        };
        assert_eq!(memory_limit(read), expected, "{files:?}");
    }

    #[test]
    fn the_least_limit_around_the_process_counts() {
        let machine = ("/proc/meminfo", "MemTotal:       2048 kB\nMemFree:        1 kB\n");
        let all = Some(2048 * 1024);
        check(&[], None);
        check(&[machine], all);
        let v2 = ("/proc/self/cgroup", "0::/shop/engine\n");
        check(&[machine, v2], all);
        let own = ("/sys/fs/cgroup/shop/engine/memory.max", "max\n");
        check(&[machine, v2, own], all);
        let outer = ("/sys/fs/cgroup/shop/memory.max", "1000000\n");
        check(&[machine, v2, own, outer], Some(1_000_000));
        // As a container sees it.
        let root = ("/sys/fs/cgroup/memory.max", "500000\n");
        check(&[machine, ("/proc/self/cgroup", "0::/\n"), root], Some(500_000));
        check(&[("/proc/self/cgroup", "0::/\n"), root], Some(500_000));
        let v1 = ("/proc/self/cgroup", "8:pids:/x\n4:cpu,memory:/x\n0::/\n");
        let limit = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        check(&[machine, v1, limit], all);
        let limit = ("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "700000\n");
        check(&[machine, v1, limit], Some(700_000));
    }

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_disk_that_it_will_be_on() {
        let folder = tempfile::tempdir().unwrap();
        let [free, size] = disk(folder.path()).unwrap();
        assert!(0 < size && free <= size, "{free} of {size}");
        let [_, later] = disk(&folder.path().join("later/on")).unwrap();
        assert_eq!(later, size);
        let [_, here] = disk(Path::new(".")).unwrap();
        assert_eq!(disk(Path::new("not/there")).unwrap()[1], here);
    }
}
