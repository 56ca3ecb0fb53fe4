//! Which program of this machine listens on a port. Linux shows it in `/proc`; elsewhere no program is named.

use std::path::Path;

/// `` `nginx` (process 123) ``, or `None` where the kernel hides it, as for programs of other users.
pub fn name(port: u16) -> Option<String> {
    let inodes: Vec<String> =
        ["/proc/net/tcp", "/proc/net/tcp6"].iter().flat_map(|table| sockets(table, port)).collect();
    let processes = std::fs::read_dir("/proc").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let holder =
        processes.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().parse::<u32>().is_ok()));
    holder.into_iter().find(|process| holds(process, &inodes)).map(|process| {
        let program = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
        let id = process.file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!("`{}` (process {id})", program.trim())
    })
}

/// Inodes of the sockets that listen on the port. The table's columns: `sl local_address rem_address st ... inode`;
/// state 0A is listening. <https://docs.kernel.org/networking/proc_net_tcp.html>
fn sockets(table: &str, port: u16) -> Vec<String> {
    let text = std::fs::read_to_string(table).unwrap_or_default();
    let wanted = format!(":{port:04X}");
    let rows = text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listening = rows.filter(|row| row.len() > 9 && row[3] == "0A" && row[1].ends_with(&wanted));
    listening.map(|row| format!("socket:[{}]", row[9])).collect()
}

fn holds(process: &Path, inodes: &[String]) -> bool {
    let files = std::fs::read_dir(process.join("fd")).into_iter().flatten().filter_map(Result::ok);
    files
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .any(|link| inodes.iter().any(|inode| link.to_string_lossy() == *inode))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_program_that_listens_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let name = name(port).expect("this test itself");
        assert!(name.contains(&format!("(process {})", std::process::id())), "{name}");
    }
}
