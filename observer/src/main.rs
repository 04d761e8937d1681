fn main() {
    let mut probes = match observer::kernel::Probes::load(0) {
        Ok(p) => p,
        Err(e) => {
            eprintln!("oomtrace: {e}");
            std::process::exit(69)
        }
    };
    for p in &probes.list {
        println!("{p:?}");
    }
    for r in &probes.refusals {
        println!("{r}");
    }
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while std::time::Instant::now() < end {
        for ring in [&mut probes.kills, &mut probes.cgroups, &mut probes.growth] {
            while let Some(item) = ring.next() {
                println!("{:?}", observer::kernel::record::decode(&item));
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
