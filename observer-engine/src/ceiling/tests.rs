use super::*;

fn of(line: &str) -> Option<(String, u64)> {
    let ceiling = of_command_line(line)?;
    Some((ceiling.name, ceiling.bytes?.0))
}

#[test]
fn each_programs_own_units_are_read() {
    let cases = [
        ("java -Xms512m -Xmx1g -jar app.jar", "-Xmx", GIB),
        (
            "/usr/lib/jvm/java-17/bin/java -Xmx1536M -cp /srv/app Main",
            "-Xmx",
            1536 * MIB,
        ),
        ("java -Xmx1g -Xmx2g Main", "-Xmx", 2 * GIB),
        ("java -XX:MaxHeapSize=67108864 Main", "-Xmx", 64 * MIB),
        ("java -XX:MaxRAM=1g Main", "-XX:MaxRAM", 256 * MIB),
        (
            "java -XX:MaxRAM=1g -XX:MaxRAMPercentage=50 Main",
            "-XX:MaxRAMPercentage",
            512 * MIB,
        ),
        (
            "node --max-old-space-size=4096 server.js",
            "--max-old-space-size",
            4 * GIB,
        ),
        (
            "/usr/bin/nodejs --max_old_space_size 512 app.js",
            "--max-old-space-size",
            512 * MIB,
        ),
        (
            "postgres -c shared_buffers=256MB -c max_connections=200",
            "shared_buffers",
            256 * MIB,
        ),
        (
            "/usr/lib/postgresql/16/bin/postgres -D /data -cshared_buffers=16384",
            "shared_buffers",
            128 * MIB,
        ),
        ("postgres --shared-buffers=1GB", "shared_buffers", GIB),
        ("mysqld --innodb-buffer-pool-size=1G", "--innodb-buffer-pool-size", GIB),
        (
            "/usr/sbin/mariadbd --innodb_buffer_pool_size=134217728",
            "--innodb-buffer-pool-size",
            128 * MIB,
        ),
        ("redis-server *:6379 --maxmemory 100mb", "maxmemory", 100 * MIB),
        ("valkey-server --maxmemory 100m", "maxmemory", 100_000_000),
        ("redis-server /etc/redis.conf --maxmemory 2GB", "maxmemory", 2 * GIB),
        ("memcached -m 64 -p 11211 -u memcache", "-m", 64 * MIB),
        ("/usr/bin/memcached -m1024", "-m", GIB),
        ("memcached --memory-limit=128", "-m", 128 * MIB),
    ];
    for (line, name, size) in cases {
        assert_eq!(of(line), Some((name.to_owned(), size)), "{line}");
    }
}

#[test]
fn what_is_another_programs_or_no_size_is_no_ceiling() {
    let lines = [
        "",
        "bash -c java -Xmx1g",
        "java -jar app.jar -Xmx1g",
        "java -Xmxlots Main",
        "java -Xmx99999999999t Main",
        "java -XX:MaxRAMPercentage=400 Main",
        "python3 -m http.server",
        "memcached -m",
        "redis-server --maxmemory 0",
        "redis-server --maxmemory-policy allkeys-lru",
        "postgres -c shared_buffers=128mb",
        "postgres -D /data",
        "node server.js --max-old-space-size=many",
    ];
    for line in lines {
        assert_eq!(of_command_line(line), None, "{line}");
    }
}

#[test]
fn a_share_is_told_as_one() {
    let ceiling = of_command_line("java -XX:MaxRAMPercentage=75.0 -jar app.jar").unwrap();
    assert_eq!((ceiling.bytes, ceiling.percent), (None, Some(75.0)));
}

#[test]
fn the_environment_counts_as_the_program_reads_it() {
    let env = |name: &str, value: &str| Environment::parse(format!("A=b\0{name}={value}\0TOKEN=x\0").as_bytes());
    let of = |line: &str, variables: &Environment| {
        let ceiling = of_process(Some(line), variables)?;
        Some((ceiling.bytes?.0 / MIB, ceiling.source))
    };
    let (cmdline, variable) = (CeilingSource::Cmdline, CeilingSource::Environment);
    let java = env("JAVA_TOOL_OPTIONS", "-Xmx512m -Dkey=secret");
    assert_eq!(of("java Main", &java), Some((512, variable)));
    assert_eq!(of("java -Xmx1g Main", &java), Some((1024, cmdline)));
    assert_eq!(
        of("java -Xmx1g Main", &env("_JAVA_OPTIONS", "-Xmx256m")),
        Some((256, variable))
    );
    assert_eq!(
        of("node a.js", &env("NODE_OPTIONS", "--max-old-space-size=300")),
        Some((300, variable))
    );
    assert_eq!(of("/srv/api", &env("GOMEMLIMIT", "900MiB")), Some((900, variable)));
    assert_eq!(of("/srv/api", &env("GOMEMLIMIT", "off")), None);
    assert_eq!(of("/srv/api", &env("GOMEMLIMIT", "1GB")), None, "no unit of Go's");
    assert_eq!(of("/srv/api", &java), None, "it is no Java");
    let told = format!("{:?}", env("JAVA_TOOL_OPTIONS", "-Dpassword=hidden -Xmx1m"));
    assert!(
        told.contains("-Xmx") && !told.contains("hidden") && !told.contains("TOKEN"),
        "{told}"
    );
    assert_eq!(Environment::parse(b"\xff=\0GOMEMLIMIT"), Environment::default());
}
