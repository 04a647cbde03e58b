"""What programs print of a failure, and what that means. The first rule that fits holds: causes stand before what
follows from them, what is sure before what is likely. Pure."""

from dataclasses import dataclass

from reelmill.media.diagnosis import AGAIN

_DOCTOR = "Run `reelmill doctor` on the worker: it tells what its ffmpeg lacks."
_SETTINGS = "Change the output's size, rate, bit rate or codec."
_REMUX = "Make a sound copy of it (`ffmpeg -fflags +genpts -i INPUT -c copy copy.mkv`) and submit that."
_REPAIR = f"{AGAIN}; where the source is damaged too, cut the part out or record it anew."


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a line fits `pattern` and the exit code `exit_code` (None: any), this is what went wrong."""

    kind: str
    pattern: str
    code: str
    """A key of jobs.codes.CODES."""
    cause: str
    remedy: str
    exit_code: int | None = None


RULES: tuple[Rule, ...] = (
    # The machine.
    Rule(
        "disk_full",
        "No space left on device|Disk quota exceeded|ENOSPC|disk is full",
        "DISK_FULL",
        "the worker's disk is full",
        "Free space on the worker's disk, or give it a larger one (`data_dir`), then retry the job.",
    ),
    Rule(
        "out_of_memory",
        "Cannot allocate memory|Out of memory|std::bad_alloc|[Mm]emory allocation (failed|failure)|malloc.{0,40}failed",
        "OUT_OF_MEMORY",
        "ffmpeg wanted more memory than a job has here",
        "Ask for a smaller picture or fewer outputs in one job, or raise `worker_memory_bytes`.",
    ),
    Rule(
        "file_too_large",
        "File too large|File size limit exceeded",
        "OUTPUT_TOO_LARGE",
        "a file outgrew what the disk or the limit allows",
        "Ask for a shorter or smaller output, raise `input_max_bytes`, or use a file system that takes such files.",
    ),
    Rule(
        "too_many_processes",
        "Resource temporarily unavailable|pthread_create|[Cc]an(no|')t (create|start) (new )?thread",
        "FFMPEG_FAILED",
        "the machine gave ffmpeg no further thread or process",
        "Raise the worker's limit of processes (ulimit -u, pids of the container), or give it fewer slots.",
    ),
    Rule(
        "too_many_files",
        "Too many open files",
        "FFMPEG_FAILED",
        "ffmpeg may open no further file",
        "Raise the worker's limit of open files (ulimit -n).",
    ),
    Rule(
        "program_broken",
        "error while loading shared libraries|symbol lookup error|cannot execute binary|Exec format error|GLIBC_",
        "ENCODER_UNAVAILABLE",
        "this worker's ffmpeg does not run on its machine",
        "Give the worker an ffmpeg that runs there (`REELMILL_FFMPEG`); `reelmill doctor` checks it.",
    ),
    Rule(
        "read_only",
        "Read-only file system",
        "FFMPEG_FAILED",
        "what ffmpeg should write to can only be read",
        "Mount the worker's data folder so that it can be written to.",
    ),
    Rule(
        "permission",
        "Permission denied",
        "FFMPEG_FAILED",
        "ffmpeg may not open a file that it needs",
        "Let the worker's user read the input and write to its data folder; the line names the file.",
    ),
    Rule(
        "network",
        "Connection (refused|reset|timed out)|HTTP error \\d{3}|Server returned \\d|Network is unreachable"
        "|Failed to resolve hostname|Protocol '\\w+' not on whitelist",
        "INPUT_UNSUPPORTED",
        "the file leads to another address, which is not opened",
        "Give the media itself instead of a list or a reference to it.",
    ),
    # What this build lacks.
    Rule(
        "codec_unsupported",
        "no decoder found for|Decoder \\(codec|Decoder not found|Unsupported codec with id|[Nn]o decoder"
        "|[Uu]nsupported codec|Could not find codec parameters for stream .*(: none|unknown codec|\\(none)",
        "INPUT_UNSUPPORTED",
        "the input is in a codec that this ffmpeg can't decode",
        "Convert it with the program that made it, or with one that knows the codec, and submit that.",
    ),
    Rule(
        "encrypted",
        "[Dd]ecryption key|[Ii]ncorrect (decryption )?password|is (encrypted|scrambled|DRM)|encryption info"
        "|DRM[- ]protect|[Ee]ncrypted|CENC",
        "INPUT_UNSUPPORTED",
        "the input is encrypted, and nobody here has its key",
        "Submit a copy without protection, from whoever holds the key.",
    ),
    Rule(
        "size_impossible",
        "Picture size .* is invalid|[Ii]mage size .{0,30}(invalid|too large)"
        "|dimensions? .{0,40}(too large|invalid|exceed)|Invalid (image |frame |video )?(dimensions"
        "|size)|[Ee]xceeds? the (maximum|limit).{0,20}(pixels|size)",
        "INPUT_CORRUPT",
        "the input claims a picture of a size that can't be",
        f"{AGAIN}; of a picture that is truly so large make a smaller one first.",
    ),
    Rule(
        "decoder_refused",
        "Error while opening decoder",
        "INPUT_CORRUPT",
        "its picture or sound can't be decoded: it is damaged",
        _REPAIR,
    ),
    Rule(
        "too_many_errors",
        "Decode error rate .* exceeds maximum",
        "INPUT_CORRUPT",
        "most of the input could not be decoded",
        _REPAIR,
    ),
    Rule(
        "program_lacks",
        "Unknown encoder|Encoder not found|No such filter|Unknown decoder|Unrecognized option|Unknown input format"
        "|Requested output format .* is not|Option .* not found|Unable to find a suitable output format",
        "ENCODER_UNAVAILABLE",
        "this ffmpeg lacks what the job needs; run `reelmill doctor` on the worker",
        _DOCTOR,
    ),
    Rule(
        "hardware",
        "Cannot load (lib)?(cuda|nvcuda|va|mfx)|No (capable )?devices? (found|available)|Device creation failed"
        "|Failed to initiali[sz]e (VAAPI|CUDA)",
        "ENCODER_UNAVAILABLE",
        "the hardware that was to encode is not there",
        "Choose a codec that is encoded in software, or run on a worker with the device and its driver.",
    ),
    # What was asked for.
    Rule(
        "container_codec",
        "Could not find tag for codec|codec not currently supported in container|not supported in (MP4|WebM|MPEG)"
        "|Only VP8 or VP9 or AV1|incompatible with output codec id|[Uu]nsupported codec tag",
        "ENCODER_REFUSED",
        "the container does not take this codec",
        "Choose another container or another codec.",
    ),
    Rule(
        "pixel_format",
        "Impossible to convert between the formats|[Ii]ncompatible pixel format|[Uu]nsupported pixel format"
        "|pixel format .{0,40}(not supported|is invalid)|no path between colorspaces|Unsupported (pixfmt|color)",
        "ENCODER_REFUSED",
        "the input's pixel format or colours can't be brought into what the encoder takes",
        "Convert the input to a usual pixel format (yuv420p, rgb24) first, or choose another codec.",
    ),
    Rule(
        "encoder_refused",
        "Error while opening encoder|is not supported by the .* encoder|Specified .* is not supported"
        "|not divisible by|must be (a multiple|divisible|even)",
        "ENCODER_REFUSED",
        "the encoder does not take this size, rate or bit rate; change the output's settings",
        _SETTINGS,
    ),
    Rule(
        "filter_refused",
        "Failed to configure (in|out)put pad|Error (re)?initializing (complex )?filter|Error configuring filter"
        "|Error parsing (a )?filter|Invalid (too big or non positive )?size .{0,40}for (width|height|the crop)",
        "FFMPEG_FAILED",
        "a filter does not take the picture or sound as it is",
        "Run the reproduction and read what it prints; another size, crop or rate may pass.",
    ),
    Rule(
        "stream_missing",
        "matches no streams|does not contain any stream",
        "INPUT_CORRUPT",
        "the input lacks a stream that it promised",
        "Look with a player which streams it has, and ask for one that is there.",
    ),
    Rule(
        "option",
        "Unable to parse|Error setting option|Error parsing options|Invalid value .* for option|Undefined constant",
        "FFMPEG_FAILED",
        "ffmpeg does not take a setting that it was given",
        "Report it with the reproduction; leaving out the setting that the line names may help until then.",
    ),
    Rule(
        "captions_unreadable",
        "Unable to (open|parse) .*(subtitle|\\.ass|\\.srt|\\.vtt)|Invalid UTF-8|[Ss]ubtitle.{0,40}(invalid|failed)",
        "INPUT_CORRUPT",
        "the input's captions can't be read",
        "Save the captions as UTF-8 in SRT or WebVTT, or leave them out.",
    ),
    # What the file is.
    # ffmpeg's own exit code for that: more than two thirds of the packets did not decode.
    Rule("too_many_errors", "", "INPUT_CORRUPT", "most of the input could not be decoded", _REPAIR, exit_code=69),
    Rule(
        "feature_unsupported",
        "is not implemented|[Nn]ot yet implemented|patchwelcome|not implemented in FFmpeg|feature.{0,40}not supported",
        "INPUT_UNSUPPORTED",
        "the input uses a feature of its format that ffmpeg does not read",
        "Convert it with the program that made it, and submit that.",
    ),
    Rule(
        "no_index",
        "moov atom not found|no index|index.{0,20}(missing|not found)",
        "INPUT_CORRUPT",
        "the input is damaged or cut off: it has no index, which is written when a recording ends",
        f"{AGAIN}; where the recording broke off, repair it with the program that made it.",
    ),
    Rule(
        "parameters_missing",
        "non-existing [SP]PS|[SPV]PS (id )?(\\d+ )?(unavailable|does not exist|not found)|[sp]ps_id .{0,20}out of range"
        "|no (key ?)?frame!|missing picture in access unit|Missing reference picture|No sequence header"
        "|[Mm]issing (sequence|extradata|codec ?private)|extradata.{0,30}(missing|invalid|too small)",
        "INPUT_CORRUPT",
        "the input lacks what its decoder must know beforehand: its beginning is missing or damaged",
        "Take the file or the recording from its very beginning, of a stream with its first segment.",
    ),
    Rule(
        "cut_off",
        "partial file|Truncating packet|stream ended prematurely|[Ff]ile ended prematurely|[Uu]nexpected (EOF|end)"
        "|[Tt]runcated|premature end|Packet.{0,30}too small|reached EOF",
        "INPUT_CORRUPT",
        "the input is damaged or cut off: it ends before what it promised",
        f"{AGAIN}; where the recording broke off, submit the part that plays.",
    ),
    Rule(
        "timestamps",
        "[Nn]on[- ]monoton|Timestamps are unset|pts has no value|[Ii]nvalid (timestamp|DTS|PTS)|timestamp discontinuity"
        "|Queue input is backward in time",
        "INPUT_CORRUPT",
        "the times in the input are not in order",
        _REMUX,
    ),
    Rule(
        "header_damaged",
        "EBML header parsing failed|[Ii]nvalid (file )?(header|signature|marker|magic)"
        "|[Hh]eader (missing|damaged|corrupt)|[Cc]ould ?n[o']t find (header|sync)"
        "|[Ff]ailed to read (frame|file)? ?(size|header)|bad header|no RIFF",
        "INPUT_CORRUPT",
        "the input is damaged or cut off: its header can't be read",
        _REPAIR,
    ),
    Rule(
        "nothing_decoded",
        "of its streams received no packets|Output file is empty|[Nn]o frames? (decoded|encoded)",
        "INPUT_CORRUPT",
        "the input is damaged or cut off: nothing came out of it",
        f"{AGAIN}; a trim may also lie where the input has nothing.",
    ),
    Rule(
        "data_damaged",
        "error while decoding|Invalid NAL unit|[Cc]orrupt|concealing|CRC (mismatch|error)|[Cc]hecksum|bitstream"
        "|Error submitting packet|decode_slice|overread|[Ii]nvalid (data|band type|VLC|huffman|mb_type)|Decoding error"
        "|stream \\d+, offset 0x|Error splitting the input|damaged",
        "INPUT_CORRUPT",
        "the input is damaged or cut off: what lies behind its header can't be decoded",
        _REPAIR,
    ),
    Rule(
        "read_error",
        "Input/output error|Stale (NFS )?file handle|Remote I/O error|Transport endpoint",
        "FFMPEG_FAILED",
        "the disk or network folder did not give or take a file's bytes",
        "Check the disk or mount that the line names, then retry the job.",
    ),
    Rule(
        "unreadable",
        "Invalid data found when processing input|Error opening input|End of file",
        "INPUT_CORRUPT",
        "the input is damaged or cut off",
        _REPAIR,
    ),
)
