//! Loads the eBPF object and attaches every probe of the [`plan`](super::plan) in the best way that works.
//!
//! A way that fails is no error: its reason is kept for the `start` event and the next way is tried. Only where nothing
//! can be loaded at all is there a [`KernelError`], and the caller falls back to reading files.

use std::path::Path;

use std::io::Read as _;

use aya::{
    Btf, Ebpf, EbpfLoader, Endianness,
    maps::{MapData, PerCpuArray, RingBuf},
    programs::{FEntry, FExit, Iter, KProbe, Program as AyaProgram, ProgramError, RawTracePoint, TracePoint},
    sys::SyscallError,
};
use observer_common::{Offsets, REPEATED, Ring};

use super::{
    btf::KernelTypes,
    format::Tracefs,
    plan::{Attach, PLANS, Plan, Program, Way},
    walk::{Link, Walk},
};
use crate::event::{Probe, Via};
use crate::heap;
use crate::page;

/// The kernel side, built into this binary by the build script and packed by it (deflate), and how long it is unpacked; 0 in a
/// build without it.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/observer-ebpf.o.z"));
const LENGTH: usize = include!(concat!(env!("OUT_DIR"), "/observer-ebpf.o.length"));

/// The kernel side, unpacked.
pub(super) struct Object(Vec<u64>);

impl Object {
    /// # Errors
    /// [`KernelError::NoObject`] in a build without it.
    pub(super) fn unpack() -> Result<Self, KernelError> {
        // An ELF file is read in place, and its tables are of words.
        let mut words = vec![0_u64; LENGTH.div_ceil(size_of::<u64>())];
        let bytes = bytemuck::cast_slice_mut::<u64, u8>(&mut words);
        let read = flate2::read::DeflateDecoder::new(PACKED).read_exact(bytes.get_mut(..LENGTH).unwrap_or_default());
        if LENGTH == 0 || read.is_err() {
            return Err(KernelError::NoObject);
        }
        Ok(Self(words))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0).get(..LENGTH).unwrap_or_default()
    }
}

/// Why no probe could be attached at all.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// `cargo build` alone does not make the object.
    #[error("this build has no eBPF object; build with 'cargo xtask build'")]
    NoObject,
    /// Not allowed.
    #[error("eBPF programs may not be loaded: needs {missing} (missing); run as root")]
    NotPermitted {
        /// The capabilities that are missing.
        missing: String,
    },
    /// The kernel refused the maps or the object.
    #[error("cannot load the eBPF object: {0}")]
    Load(Box<aya::EbpfError>),
    /// The object does not have what this version needs.
    #[error("the eBPF object has no map {0}; the object and oomtrace do not match, build with 'cargo xtask build'")]
    NoMap(&'static str),
    /// This kernel has not what it takes.
    #[error("this kernel cannot: {0}")]
    Unsupported(String),
    /// A map could not be used.
    #[error("cannot use an eBPF map: {0}")]
    Map(#[from] aya::maps::MapError),
}

/// The attached probes and their rings.
pub struct Probes {
    /// The rings, in the order of [`Ring::ALL`].
    pub rings: Vec<RingBuf<MapData>>,
    /// Reads every memory cgroup at once; `None` where the kernel does not allow it.
    pub walk: Option<Walk>,
    /// What stays attached.
    pub attached: Attached,
}

/// The attached programs. Dropping it detaches them.
pub struct Attached {
    /// Every probe and its way.
    pub list: Vec<Probe>,
    /// The verifier's words on programs it refused, for `--verbose`.
    pub refusals: Vec<String>,
    lost: PerCpuArray<MapData, u64>,
    // Holds the links.
    _ebpf: Ebpf,
}

impl Probes {
    /// Loads and attaches. `hierarchy` is the id of the hierarchy whose cgroups are wanted; 0 = v2. No way better than
    /// `best` is tried.
    ///
    /// # Errors
    /// Where nothing can be loaded. A probe that cannot be attached is no error: see [`Attached::list`].
    pub fn load(hierarchy: u32, best: Via) -> Result<Self, KernelError> {
        may_load()?;
        let mut offsets = Offsets {
            hierarchy,
            page_kib: u32::try_from(page::size().bytes() >> 10).unwrap_or(4),
            ..Offsets::NONE
        };
        // The kernel's types take some ten MiB while they are looked through: not twice at a time.
        let (functions, no_types) = match KernelTypes::read(Path::new("/sys/kernel/btf/vmlinux")) {
            Ok(types) => {
                types.fill(&mut offsets);
                (types.functions(), None)
            }
            Err(error) => (None, Some(error.to_string())),
        };
        let tracefs = Tracefs::find();
        if let Ok(tracefs) = &tracefs {
            tracefs.fill(&mut offsets);
        }
        let btf = match functions {
            Some(functions) => Btf::parse(&functions, Endianness::default()),
            None => Btf::from_sys_fs(),
        }
        .ok();
        let mut ebpf = EbpfLoader::new()
            .btf(btf.as_ref())
            .override_global("OFFSETS", bytemuck::bytes_of(&offsets), true)
            .load(Object::unpack()?.bytes())
            .map_err(|error| KernelError::Load(Box::new(error)))?;
        let mut context = Context {
            best,
            offsets,
            btf,
            no_types,
            no_tracefs: tracefs.err().map(|error| format!("tracefs cannot be mounted: {error}")),
        };
        let mut kept = Kept::default();
        let list = PLANS
            .iter()
            .map(|plan| context.attach(&mut ebpf, plan, &mut kept))
            .collect();
        context.btf = None;
        heap::give_back();
        let mut map = |name| ebpf.take_map(name).ok_or(KernelError::NoMap(name));
        Ok(Self {
            rings: Ring::ALL
                .into_iter()
                .map(|one| Ok(RingBuf::try_from(map(one.map())?)?))
                .collect::<Result<_, KernelError>>()?,
            walk: match kept.walk {
                Some(link) => Some(Walk::new(link, map("WALK_TABLE")?, map("WALK")?, &context.offsets)?),
                None => None,
            },
            attached: Attached {
                list,
                refusals: kept.refusals,
                lost: PerCpuArray::try_from(map("LOST")?)?,
                _ebpf: ebpf,
            },
        })
    }
}

impl Attached {
    /// How many records found their ring full since the load; 0 where the counter cannot be read.
    #[must_use]
    pub fn lost(&self, ring: Ring) -> u64 {
        self.count(ring as u32)
    }

    /// How many signals were not told because their sender sends too many.
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.count(REPEATED)
    }

    /// Whether the kernel answers for its maps, with what capabilities are in effect.
    #[must_use]
    pub fn can_be_asked(&self) -> bool {
        self.lost.get(&0, 0).is_ok()
    }

    fn count(&self, index: u32) -> u64 {
        self.lost.get(&index, 0).map_or(0, |counts| counts.iter().sum())
    }
}

/// What attaching leaves.
#[derive(Default)]
struct Kept {
    refusals: Vec<String>,
    walk: Option<Link>,
}

struct Context {
    best: Via,
    offsets: Offsets,
    btf: Option<Btf>,
    no_types: Option<String>,
    no_tracefs: Option<String>,
}

impl Context {
    fn attach(&self, ebpf: &mut Ebpf, plan: &Plan, kept: &mut Kept) -> Probe {
        let mut reasons: Vec<String> = Vec::new();
        for way in plan.ways {
            let attached = if way.via < self.best {
                Err(format!("{}: not tried", way_name(way.via)))
            } else {
                self.attach_way(ebpf, way, kept)
            };
            match attached {
                Ok(()) => {
                    let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
                    return Probe {
                        name: plan.name.to_owned(),
                        via: way.via,
                        reason,
                        loss: None,
                    };
                }
                Err(reason) => {
                    if !reasons.contains(&reason) {
                        reasons.push(reason);
                    }
                }
            }
        }
        let (loss, via) = plan.without;
        Probe {
            name: plan.name.to_owned(),
            via,
            reason: Some(reasons.join("; ")),
            loss: Some(loss.to_owned()),
        }
    }

    fn attach_way(&self, ebpf: &mut Ebpf, way: &Way, kept: &mut Kept) -> Result<(), String> {
        let cannot = match way.via {
            Via::Iter if self.offsets.hierarchy != 0 => {
                return Err("the memory controller is on cgroup v1, whose files are read".to_owned());
            }
            Via::Fentry | Via::Iter | Via::Kprobe => self.no_types.as_ref(),
            Via::Tracepoint => self.no_tracefs.as_ref(),
            Via::Poll | Via::None => None,
        };
        if let Some(reason) = cannot {
            return Err(reason.clone());
        }
        if let Some(field) = (way.missing)(&self.offsets) {
            return Err(format!("this kernel has no {field}"));
        }
        for (place, program) in way.programs.iter().enumerate() {
            if let Err(error) = self.attach_program(ebpf, program, kept) {
                // All of a way or nothing: half of it would tell half-truths. What was loaded and could not be attached goes too:
                // the next way may load it for another function.
                for attached in way.programs.iter().take(place + 1) {
                    detach(ebpf, attached.name);
                }
                if let ProgramError::LoadError { verifier_log, .. } = &error {
                    let log = verifier_log.to_string();
                    if !log.trim().is_empty() {
                        kept.refusals.push(format!("{}:\n{log}", program.name));
                    }
                }
                return Err(format!("{}: {}", way_name(way.via), reason(&error)));
            }
        }
        Ok(())
    }

    fn attach_program(&self, ebpf: &mut Ebpf, program: &Program, kept: &mut Kept) -> Result<(), ProgramError> {
        let missing = || ProgramError::InvalidName {
            name: program.name.to_owned(),
        };
        let loaded = ebpf.program_mut(program.name).ok_or_else(missing)?;
        let btf = || self.btf.as_ref().ok_or_else(missing);
        match program.attach {
            Attach::Entry(function) => {
                let loaded: &mut FEntry = loaded.try_into()?;
                loaded.load(function, btf()?)?;
                loaded.attach()?;
            }
            Attach::Exit(function) => {
                let loaded: &mut FExit = loaded.try_into()?;
                loaded.load(function, btf()?)?;
                loaded.attach()?;
            }
            Attach::Kprobe(function) | Attach::Kretprobe(function) => {
                let loaded: &mut KProbe = loaded.try_into()?;
                loaded.load()?;
                loaded.attach(function, 0)?;
            }
            Attach::Tracepoint(category, name) => {
                let loaded: &mut TracePoint = loaded.try_into()?;
                loaded.load()?;
                loaded.attach(category, name)?;
            }
            Attach::RawTracepoint(name) => {
                let loaded: &mut RawTracePoint = loaded.try_into()?;
                loaded.load()?;
                loaded.attach(name)?;
            }
            Attach::Iter(kind) => {
                let loaded: &mut Iter = loaded.try_into()?;
                loaded.load(kind, btf()?)?;
                let link = Link::new(loaded.fd()?).map_err(|io_error| SyscallError {
                    call: "bpf_link_create",
                    io_error,
                })?;
                kept.walk = Some(link);
            }
        }
        Ok(())
    }
}

/// Unloading a program drops its links. What fails here is already gone.
fn detach(ebpf: &mut Ebpf, name: &str) {
    if let Some(program) = ebpf.program_mut(name) {
        let _ = match program {
            AyaProgram::FEntry(program) => program.unload(),
            AyaProgram::FExit(program) => program.unload(),
            AyaProgram::Iter(program) => program.unload(),
            AyaProgram::KProbe(program) => program.unload(),
            AyaProgram::TracePoint(program) => program.unload(),
            AyaProgram::RawTracePoint(program) => program.unload(),
            _ => Ok(()),
        };
    }
}

fn way_name(via: Via) -> &'static str {
    match via {
        Via::Fentry => "fentry",
        Via::Iter => "iter",
        Via::Kprobe => "kprobe",
        Via::Tracepoint => "tracepoint",
        Via::Poll => "poll",
        Via::None => "none",
    }
}

/// The cause at the end of an error's chain, on one line: what the kernel said, not what the library wrapped it in.
pub(super) fn reason(error: &ProgramError) -> String {
    if let ProgramError::LoadError { io_error, .. } = error {
        return format!("the kernel refuses the program: {io_error}");
    }
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string().lines().next().unwrap_or_default().to_owned()
}

/// Whether there is something to load, and the right to.
pub(super) fn may_load() -> Result<(), KernelError> {
    let missing = missing_capabilities();
    if !missing.is_empty() {
        return Err(KernelError::NotPermitted {
            missing: missing.join(" and "),
        });
    }
    if LENGTH == 0 {
        return Err(KernelError::NoObject);
    }
    Ok(())
}

/// The capabilities that loading and attaching need and this process does not have.
///
/// `CAP_SYS_ADMIN` includes both others (capabilities(7)).
#[must_use]
pub fn missing_capabilities() -> Vec<&'static str> {
    use caps::{CapSet, Capability, has_cap};
    let has = |capability| has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    if has(Capability::CAP_SYS_ADMIN) {
        return Vec::new();
    }
    [
        (Capability::CAP_BPF, "CAP_BPF"),
        (Capability::CAP_PERFMON, "CAP_PERFMON"),
    ]
    .into_iter()
    .filter(|(capability, _)| !has(*capability))
    .map(|(_, name)| name)
    .collect()
}
