//! What kind of memory a page is, from the kernel's functions that asked for it, innermost first.
//!
//! A page has no kind yet where it is handed out: who asks for it knows what it will be. The names are those of mm/memory.c,
//! mm/shmem.c, mm/filemap.c, mm/slub.c and others between 6.1 and 7.2.

use crate::event::PageKind;

/// `__GFP_MOVABLE` and `__GFP_HIGHMEM` (include/linux/gfp_types.h): memory for a process to map, or page cache.
const FOR_A_PROCESS: u32 = 0x8 | 0x2;

/// Who asks, by how the function's name begins. The first function with any of them decides.
const ASKERS: [(PageKind, &[&str]); 4] = [
    (PageKind::Shmem, &["shmem_"]),
    (
        PageKind::File,
        &[
            "filemap_",
            "__filemap_",
            "page_cache_",
            "do_page_cache_",
            "pagecache_",
            "iomap_",
            "grab_cache_page",
        ],
    ),
    (
        PageKind::Anon,
        &[
            "do_anonymous_page",
            "alloc_anon_folio",
            "do_huge_pmd_",
            "vma_alloc_anon_folio_pmd",
            "do_huge_zero_",
            "do_wp_page",
            "wp_page_copy",
            "do_cow_fault",
            "do_swap_page",
            "copy_present_page",
            "copy_present_pte",
            "read_swap_cache_async",
            "__read_swap_cache_async",
            "swap_cluster_readahead",
            "swapin_",
        ],
    ),
    (
        PageKind::Kernel,
        &[
            // Page tables.
            "__pte_alloc",
            "pte_alloc_one",
            "__pmd_alloc",
            "__pud_alloc",
            "__p4d_alloc",
            "pgd_alloc",
            // Slab: dentries, inodes and what else the kernel keeps of a process's doing.
            "allocate_slab",
            "new_slab",
            "___slab_alloc",
            // Pipes and sockets.
            "pipe_write",
            "anon_pipe_",
            "iter_to_pipe",
            "skb_page_frag_refill",
            "sk_page_frag_refill",
            "alloc_skb_with_frags",
            // Kernel stacks, modules, BPF maps.
            "__vmalloc_area_node",
            "__vmalloc_node_range",
            "alloc_thread_stack_node",
            "bpf_map_",
            "pcpu_",
            "mem_cgroup_charge_skmem",
            "kvm_",
            "io_uring_",
        ],
    ),
];

/// What kind of memory; `None` of what is not charged to anybody: the kernel's own.
pub(super) fn kind(functions: &[String], gfp: u32) -> Option<PageKind> {
    let asker = functions.iter().find_map(|function| {
        let is = |starts: &[&str]| starts.iter().any(|start| function.starts_with(start));
        ASKERS.iter().find_map(|(kind, starts)| is(starts).then_some(*kind))
    });
    asker.or((gfp & FOR_A_PROCESS == FOR_A_PROCESS).then_some(PageKind::Anon))
}

/// The functions without those of our own program and of the page allocator, which all have in common.
pub(super) fn beyond_the_allocator(functions: Vec<String>) -> Vec<String> {
    const COMMON: [&str; 15] = [
        "bpf_",
        "__bpf_",
        "___bpf_",
        "__traceiter_",
        "trace_call_bpf",
        "__alloc_pages",
        "__alloc_frozen_pages",
        "alloc_pages",
        "alloc_frozen_pages",
        "__folio_alloc",
        "folio_alloc",
        "folio_prealloc",
        "vma_alloc_folio",
        "__get_free_pages",
        "get_free_pages",
    ];
    let is_common = |function: &String| COMMON.iter().any(|start| function.starts_with(start));
    functions.into_iter().skip_while(is_common).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(functions: &[&str], gfp: u32) -> Option<PageKind> {
        let functions: Vec<String> = functions.iter().map(|&function| function.to_owned()).collect();
        kind(&functions, gfp)
    }

    #[test]
    fn the_innermost_asker_decides() {
        let table: [(&[&str], u32, Option<PageKind>); 8] = [
            (
                &[
                    "__alloc_pages_noprof",
                    "vma_alloc_folio_noprof",
                    "do_anonymous_page",
                    "handle_mm_fault",
                ],
                0x14_0cca,
                Some(PageKind::Anon),
            ),
            (
                &[
                    "__alloc_pages",
                    "shmem_alloc_folio",
                    "shmem_get_folio_gfp",
                    "shmem_fault",
                    "__do_fault",
                ],
                0x14_0cca,
                Some(PageKind::Shmem),
            ),
            (
                &[
                    "folio_alloc",
                    "__filemap_get_folio",
                    "generic_perform_write",
                    "vfs_write",
                ],
                0xcca,
                Some(PageKind::File),
            ),
            (
                &[
                    "__alloc_pages",
                    "page_cache_ra_unbounded",
                    "filemap_fault",
                    "do_cow_fault",
                ],
                0xcca,
                Some(PageKind::File),
            ),
            (
                &["__alloc_pages", "anon_pipe_write", "vfs_write"],
                0xcc2,
                Some(PageKind::Kernel),
            ),
            (
                &[
                    "__alloc_pages",
                    "new_slab",
                    "___slab_alloc",
                    "kmem_cache_alloc",
                    "d_alloc",
                ],
                0xcc0,
                Some(PageKind::Kernel),
            ),
            (
                &["__alloc_pages", "get_free_pages_noprof", "proc_pid_cmdline_read"],
                0xcc0,
                None,
            ),
            (&[], 0x14_0cca, Some(PageKind::Anon)),
        ];
        for (functions, gfp, expected) in table {
            assert_eq!(of(functions, gfp), expected, "{functions:?}");
        }
    }
}
