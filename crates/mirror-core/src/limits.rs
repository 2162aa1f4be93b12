//! Bounds on everything that comes from outside.
//!
//! Each is far above what real upstreams hold (the largest seen is named beside it) and far below
//! what would hurt the host. A value over its bound is an error that names the bound.

/// Longest path of a file in a tree, in bytes. Linux takes 4,096 with the root before it; the
/// longest seen in real repositories is under 250.
pub const PATH_LEN: usize = 1024;

/// Longest component of a path, in bytes (Linux's `NAME_MAX`).
pub const NAME_LEN: usize = 255;

/// Longest name of a distribution file, in bytes: that of its metadata, `NAME.metadata`, must still
/// fit [`NAME_LEN`] (longest seen: 158).
pub const DISTRIBUTION_NAME: usize = NAME_LEN - ".metadata".len();

/// Most tags of one kind in a wheel's name (most seen: 8).
pub const WHEEL_TAGS: usize = 32;

/// Most steps of a resolution: each looks at a version, or at a conflict (most seen: 9,000, through
/// every release of boto3 and botocore).
pub const RESOLVE_STEPS: usize = 200_000;

/// Largest `repomd.xml`, in bytes (largest seen: 20 kB).
pub const REPOMD_SIZE: u64 = 4 << 20;

/// Most `<data>` records of a `repomd.xml` (largest seen: 40).
pub const REPOMD_RECORDS: usize = 1_000;

/// Largest signature or key beside an entry point, in bytes (largest seen: 20 kB).
pub const SIGNATURE_SIZE: u64 = 1 << 20;

/// Most signatures of a file (most seen: 2).
pub const SIGNATURES: usize = 16;

/// Most signatures of one kind in a package (most seen: 3).
pub const PACKAGE_SIGNATURES: usize = 16;

/// Most keys of a key file (most seen: 60).
pub const KEYS: usize = 1_000;

/// Most self-signatures of a key file that are verified.
pub const SELF_SIGNATURES: usize = 1_000;

/// Most packets of a key or signature file (most seen: 900, a key with many certifications).
pub const PACKETS: usize = 10_000;

/// Largest mirror list, metalink, `.repo` or `.treeinfo`, in bytes (largest seen: 60 kB).
pub const LIST_SIZE: u64 = 4 << 20;

/// Longest line of a mirror list, `.repo` or `.treeinfo`, in bytes (longest seen: 400).
pub const LINE: usize = 64 << 10;

/// Deepest nesting of `${name:-…}` in a `.repo` file (dnf5 takes 32).
pub const VARIABLE_DEPTH: usize = 32;

/// Longest value once variables are put in, in bytes (longest seen: 300).
pub const EXPANDED: usize = 1 << 20;

/// Largest metadata file as transferred, in bytes (largest seen: 600 MB, a filelists database).
pub const METADATA_SIZE: u64 = 8 << 30;

/// The most bytes that are taken of a metadata file listed with a size: a wrong size beside a right
/// digest does no harm, and some tools write that of the decompressed file or of an earlier one, but a
/// body without end is not waited for up to [`METADATA_SIZE`].
pub fn metadata_size(listed: Option<u64>) -> u64 {
    unmeasured_size(listed).min(METADATA_SIZE)
}

/// The most bytes that are taken of a body of which the server does not say how long it is, of a file
/// that is listed with a size: that may be wrong, but a body without end is not waited for up to the
/// limit of its kind.
pub fn unmeasured_size(listed: Option<u64>) -> u64 {
    listed.map_or(u64::MAX, |listed| listed.saturating_mul(RATIO).saturating_add(RATIO_FREE_SIZE))
}

/// Largest metadata file once decompressed, in bytes (largest seen: 3 GB, a filelists of 250,000
/// packages).
pub const METADATA_OPEN_SIZE: u64 = 16 << 30;

/// Highest ratio of decompressed to compressed size, once past [`RATIO_FREE_SIZE`] (largest seen
/// in real metadata: 45).
pub const RATIO: u64 = 250;

/// Decompressed bytes below which [`RATIO`] is not looked at: small files compress oddly well.
pub const RATIO_FREE_SIZE: u64 = 16 << 20;

/// Whether so many bytes from so many compressed ones are out of proportion.
pub const fn is_out_of_proportion(opened: u64, compressed: u64) -> bool {
    opened > RATIO_FREE_SIZE && opened / RATIO > compressed
}

/// Largest window that a zstd or xz stream may ask a decoder to hold, as a power of two in bytes
/// (128 MiB; `zstd --long` and `xz -9` stay below).
pub const WINDOW_LOG: u32 = 27;

/// Deepest nesting of XML elements (deepest seen: 8).
pub const XML_DEPTH: usize = 64;

/// Longest text, attribute or tag of an XML document, in bytes (largest seen: a description of
/// 130 kB).
pub const XML_TOKEN: usize = 4 << 20;

/// Longest name of an XML element, in bytes (longest seen: 40).
pub const XML_NAME: usize = 1 << 10;

/// Most attributes of an XML tag (most seen: 12).
pub const XML_ATTRIBUTES: usize = 256;

/// Most sections and keys of a `.repo` or `.treeinfo` (most seen: 600).
pub const INI_ENTRIES: usize = 10_000;

/// Largest `<package>` element of a primary that is read in one piece, in bytes; a larger one is
/// streamed (largest seen: 700 kB, a package of many dependencies).
pub const PACKAGE_BLOCK: usize = 8 << 20;

/// Largest `<package>` element that is carried over into metadata of our own, or made for it, in bytes
/// (largest seen: 14 MB, a filelists with 120,000 files).
pub const PACKAGE_ELEMENT: usize = 64 << 20;

/// Most bytes of a filelists or other that are held because primary has its packages in another order.
pub const JOIN_HELD: usize = 64 << 20;

/// Most files or changelog entries of one package (largest seen: 120,000 files).
pub const PACKAGE_ENTRIES: usize = 2_000_000;

/// Most text of one package's files or changelog entries, in bytes (largest seen: 12 MB).
pub const PACKAGE_TEXT: usize = 256 << 20;

/// Longest name, epoch, version, release or architecture of a package, in bytes: the name of its file
/// is made of them. They are held in memory for every package of a repository.
pub const PACKAGE_FIELD: usize = NAME_LEN;

/// Most entries of a package's signature header, as in rpm (most seen: 12).
pub const SIGNATURE_HEADER_ENTRIES: usize = 32;

/// Largest store of a package's signature header, in bytes, as in rpm (largest seen: 3 MB, with a
/// signature of every file).
pub const SIGNATURE_HEADER_STORE: usize = 64 << 20;

/// Most entries of a package's header, as in rpm (most seen: 120).
pub const HEADER_ENTRIES: usize = 0xffff;

/// Largest store of a package's header, in bytes, as in rpm (largest seen: 25 MB, 120,000 files).
pub const HEADER_STORE: usize = 256 << 20;

/// Longest path of a file in a package, in bytes (Linux's `PATH_MAX`; longest seen: 400). A header
/// names a folder once, however many files it holds.
pub const FILE_PATH: usize = 4096;

/// Most files, dependencies and changelog entries of a package that is listed, together: each takes
/// some 200 bytes of memory (most seen: 120,000).
pub const LISTED_ITEMS: usize = 1_000_000;

/// Longest text of a package that is listed, in bytes as XML has it (longest seen: a description of
/// 130 kB). The tag that it may be an attribute of is then below [`XML_TOKEN`].
pub const LISTED_TEXT: usize = 3 << 20;

/// Most dependencies, and most files, that the packages of a goal have together (seen: 1,500,000 of
/// 60,000 packages).
pub const POOL_RELATIONS: usize = 64_000_000;

/// Most bytes that the names, versions and dependencies of a goal's packages take, each text once
/// (seen: 12 MB of 60,000 packages).
pub const POOL_TEXT: usize = 1 << 30;

/// Most literals of the formula that a goal's packages make (seen: 6,000,000 of 60,000 packages).
pub const POOL_FORMULA: usize = 64_000_000;

/// Most steps of a goal: each decides on a package, or learns from a contradiction (most seen: 9,000,
/// of a goal of 1,000 packages).
pub const GOAL_STEPS: usize = 5_000_000;

/// Most packages that a host has installed (most seen: 7,000).
pub const INSTALLED: usize = 100_000;

/// Most packages of a list of them that people write (most seen: 60).
pub const LISTED_PACKAGES: usize = 100_000;

/// Longest rich dependency, in bytes (longest seen: 700).
pub const RICH_LEN: usize = 64 << 10;

/// Deepest nesting of parentheses in a rich dependency (deepest seen: 3).
pub const RICH_DEPTH: usize = 32;

/// Most packages of a repository (largest seen: 250,000).
pub const PACKAGES: usize = 4_000_000;

/// Largest comps, in bytes (largest seen: 3 MB). It is held in memory as a whole.
pub const COMPS_SIZE: u64 = 64 << 20;

/// Most elements of a comps (most seen: 50,000).
pub const COMPS_ELEMENTS: usize = 300_000;

/// Largest `modules.yaml`, in bytes (largest seen: 30 MB). It is held in memory as a whole.
pub const MODULES_SIZE: u64 = 256 << 20;

/// Most documents of a `modules.yaml` (most seen: 1,000).
pub const MODULE_DOCUMENTS: usize = 100_000;

/// Largest document of a `modules.yaml`, in bytes (largest seen: 300 kB).
pub const MODULE_DOCUMENT: usize = 16 << 20;

/// Deepest nesting of a YAML document (deepest seen: 9).
pub const YAML_DEPTH: usize = 64;

/// Most advisories of an updateinfo (most seen: 9,000).
pub const ADVISORIES: usize = 1_000_000;

/// Most references, collections and packages of one advisory (most seen: 6,000).
pub const ADVISORY_ENTRIES: usize = 200_000;

/// Largest advisory, in bytes of its element (largest seen: 2 MB).
pub const ADVISORY_TEXT: usize = 64 << 20;

/// Most bytes of memory that advisories take where all of them are held, to be merged or compared
/// (most seen: some 80 MB).
pub const ADVISORIES_TEXT: usize = 512 << 20;

/// Most bytes that the names and paths of a repository's packages take together; they are held in
/// memory while it is mirrored (seen: some 65 bytes a package, which is 16 MB for 250,000).
pub const MANIFEST_NAMES: usize = 256 << 20;

/// Most other places (`xml:base`) that a repository's packages and metadata lie at (most seen: 12).
pub const OTHER_PLACES: usize = 100;

/// Largest single package or other payload file, in bytes (largest seen: 4 GB).
pub const PAYLOAD_SIZE: u64 = 1 << 40;

/// Most mirrors taken from a mirror list or metalink (largest seen: 300).
pub const MIRRORS: usize = 2_000;

/// Bytes of a generation's file in which what it says before its files is looked for: a metalink
/// names hundreds of mirrors.
pub const GENERATION_HEADING: u64 = 4 << 20;

/// Longest requirement with its marker, in bytes (longest seen: 232).
pub const REQUIREMENT_LEN: usize = 64 << 10;

/// Most version specifiers of a requirement (most seen: 23).
pub const VERSION_SPECIFIERS: usize = 1_000;

/// Deepest nesting of parentheses in a marker (deepest seen: 1).
pub const MARKER_DEPTH: usize = 64;

/// Most words of a marker (most seen: 13).
pub const MARKER_WORDS: usize = 2_000;

/// Most pairs of extras or `in`s that `and` joins in a marker (most seen: 1). Each may double the
/// size of the marker's decision diagram: this many are 16,384 nodes.
pub const MARKER_PAIRS: usize = 14;

/// Largest requirements file, pyproject.toml or lock file, in bytes: a lock of 1,000 packages with
/// 50 wheels each has 12 MB.
pub const INPUT_SIZE: usize = 64 << 20;

/// Most requirements files that a run reads, each as often as it is included.
pub const INPUT_FILES: usize = 1_000;

/// Deepest nesting of `-r` and `-c`, and of groups and extras that include one another.
pub const INPUT_DEPTH: usize = 32;

/// Most requirements of a run's files together, constraints included.
pub const REQUIREMENTS: usize = 100_000;

/// Most digests of a requirement or locked file.
pub const DIGESTS: usize = 10_000;

/// Most packages of a lock file, and most files of one of them.
pub const LOCKED: usize = 100_000;

/// Largest file of a Python project, in bytes (largest seen: 4 GB). No client looks at the size that an
/// index lists, so a wrong one does no harm, and one above this counts as none.
pub const DISTRIBUTION_SIZE: u64 = 64 << 30;

/// Largest project page of a Python index, in bytes (largest seen: 12 MB, 15,000 files).
pub const PAGE_SIZE: u64 = 128 << 20;

/// Project pages of a Python index that are larger than this are read a few at a time, in bytes: each is
/// in memory until it is parsed.
pub const COMMON_PAGE_SIZE: u64 = 16 << 20;

/// Most bytes of memory that lists of files and metadata take together which a resolution reads of its
/// indexes: some 1,000 a file, so this is enough for two million (most seen: 110,000, of 199
/// projects).
pub const LISTED_MEMORY: usize = 2 << 30;

/// Most files of a project page: they are held in memory (most seen: 15,000).
pub const PAGE_FILES: usize = 200_000;

/// Longest URL, specifier or remark of a project page, in bytes (longest seen: 400).
pub const PAGE_TEXT: usize = 8 << 10;

/// Largest core metadata of a distribution (`METADATA`, `PKG-INFO`), in bytes (largest seen: 2 MB,
/// nearly all of it the description).
pub const CORE_METADATA_SIZE: u64 = 16 << 20;

/// Most requirements, extras or dynamic fields of a release (most seen: 90).
pub const RELEASE_FIELDS: usize = 5_000;

/// Largest central directory of a zip archive, in bytes (largest seen: 3 MB).
pub const ZIP_DIRECTORY: u64 = 64 << 20;

/// Most members of a zip or tar archive (most seen: 31,000).
pub const ARCHIVE_MEMBERS: usize = 500_000;

/// Largest source distribution once decompressed, in bytes (largest seen: 1 GB).
pub const SDIST_OPEN_SIZE: u64 = 16 << 30;

/// Largest `pyproject.toml` or `requires.txt` of a source distribution, in bytes (largest seen:
/// 60 kB).
pub const SDIST_FILE: u64 = 1 << 20;

/// Most builds that one target of a set of Python packages may ask for: different lists of build
/// requirements, each of which is resolved. Source distributions whose builds need sources that have
/// to be built in turn end here at the latest.
pub const BUILDS: usize = 1_000;

/// Largest file of the cache of pages and metadata, in bytes: a page with what was said of it.
pub const CACHED: u64 = PAGE_SIZE + (1 << 20);

/// Largest record of a tree's sets, in bytes: 100,000 files take some 60 MB.
pub const RECORD_SIZE: u64 = 512 << 20;
