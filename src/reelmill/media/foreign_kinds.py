"""Kinds of files that are no media, or media of other formats, by how they begin, and what is told of them. Pure."""

import re
from dataclasses import dataclass

from reelmill.media.diagnosis import Diagnosis

ITSELF = "Give the media file itself; this one is none, whatever its name says."
UNPACK = "Unpack it, and submit the media file that is in it."
DECRYPT = "Decrypt it first, with the program and the key that made it, and submit what comes out."
ADDRESS = "Open its address in a browser to see what it answers, and submit an address that gives the media itself."
_WRITTEN = "Make it anew, and look why the program that was to write it stopped at once."
_NOT_READ = "Convert it with the program that made it to a usual format (MP4, MP3, WAV, JPEG, PNG), and submit that."


@dataclass(frozen=True, slots=True)
class Known:
    """Files that begin like this, and what is told of them."""

    kind: str
    pattern: bytes
    flags: re.RegexFlag
    what: str
    """Follows "the file is no media but"; of media "the file is"."""
    remedy: str = ITSELF
    code: str = "INPUT_NOT_MEDIA"

    def begins(self, head: bytes) -> bool:
        """Whether a file that begins like this is one. The first call compiles the pattern: most files ask for none."""
        return re.match(self.pattern, head, self.flags) is not None


def _known(kind: str, pattern: bytes, what: str, remedy: str = ITSELF) -> Known:
    return Known(kind, pattern, re.DOTALL | re.IGNORECASE, what, remedy)


def _other(what: str, pattern: bytes) -> Known:
    told = f"{what}, a format that is not read here"
    return Known("format_unsupported", pattern, re.DOTALL, told, _NOT_READ, "INPUT_UNSUPPORTED")


_BLANK = rb"(?:\xef\xbb\xbf)?\s*"
_XML = rb"(?:<\?xml[^>]{0,200}>\s*)?"
_COMMENTS = rb"(?:<!--.{0,2000}?-->\s*)*"

_PROJECT = "Render or export it with that program, and submit the film, sound or picture that comes out."
_FETCH = "Fetch what it stands for with the program that made it, and submit that."
# What a program makes, by what it is called: what a film is made of, and no film.
_PROJECTS: tuple[Known, ...] = (
    _known("project", _BLANK + _XML + _COMMENTS + rb"(?:<!DOCTYPE fcpxml>\s*)?<fcpxml\b",
           "a project of Final Cut (FCPXML)", _PROJECT),
    _known("project", _BLANK + _XML + rb"(?:<!DOCTYPE xmeml>\s*)?<xmeml\b", "a project of Final Cut or Premiere (XML)",
           _PROJECT),
    _known("project", _BLANK + _XML + rb"<PremiereData\b", "a project of Premiere", _PROJECT),
    _known("project", _BLANK + _XML + rb"<(mlt|kdenlive)\b", "a project of Kdenlive or Shotcut (MLT)", _PROJECT),
    _known("project", _BLANK + _XML + _COMMENTS + rb"(?:<!DOCTYPE \w+[^>]{0,300}>\s*)?<project\b[^>]{0,900}audacity",
           "a project of Audacity", _PROJECT),
    _known("project", _BLANK + _XML + rb"<Ableton\b", "a project of Ableton Live", _PROJECT),
    _known("project", rb"\x030010111100101011", "a project of Pro Tools", _PROJECT),
    _known("project", rb"\x23\x47\xc0\xab", "a project of Logic", _PROJECT),
    _known("shortcut", _BLANK + _XML + rb"(?:<!DOCTYPE plist[^>]{0,200}>\s*)?<plist\b[^>]{0,60}>\s*<dict>\s*<key>URL<",
           "a shortcut to an address (macOS)", ADDRESS),
    _known("disc_image", rb"# Disk DescriptorFile", "a description of a virtual machine's disk (VMDK), not the disk"),
    _known("project", rb"<REAPER_PROJECT\b", "a project of Reaper", _PROJECT),
    _known("project", rb"(RIFX.{4}Egg!|riff\x2e\x91\xcf\x11|FLhd|RIFF.{4}(NUND|CDR.)|RIFX.{4}MV93)",
           "a project of After Effects, Vegas, FL Studio, Cubase, CorelDraw or Director", _PROJECT),
    _known("project", rb"\s*(TITLE:[^\n]{0,200}\n|FCM: )", "a list of cuts (EDL), not the film itself", _PROJECT),
    _known("project", _BLANK + rb"\{\s*\"(v|nm|fr|ip|op|layers|assets|ddd)\"\s*:.{0,4000}\"(layers|ip|op)\"\s*:",
           "an animation of Lottie (JSON)", "Render it as a film or GIF, and submit that."),
    _known("side_file", _BLANK + _XML + _COMMENTS + rb"<NonRealTimeMeta\b",
           "a camera's side file (XML), which tells of a clip", "Submit the clip that lies beside it."),
    _known("side_file", _BLANK + _XML + rb"(<\?xpacket[^>]{0,100}\?>\s*)?<x:xmpmeta\b",
           "a side file (XMP), which tells of a photo", "Submit the photo that lies beside it."),
    _known("playlist", _BLANK + _XML + _COMMENTS + rb"<(playlist|smil|asx|MPD|SmoothStreamingMedia)\b",
           "a list of other files (a playlist, a manifest)", "Submit the media that it leads to."),
    _known("session", rb"v=0\r?\no=",
           "the description of a live stream (SDP): where its packets come from, and none of them",
           "Record the stream, and submit that file."),
    _known("form", rb"--[^\r\n]{1,100}\r?\nContent-Disposition: form-data\b",
           "the body of a browser's form (multipart/form-data), with the file inside it",
           "Store the file that the form holds, and not the whole body of its request."),
    _known("feed", _BLANK + _XML + _COMMENTS + rb"<(rss|feed|opml)\b", "a feed (RSS, Atom)",
           "Submit the media that it leads to."),
    _known("placeholder", rb"(/annex/objects/|\.git/annex/|outs:\s*-? ?md5:|md5: [0-9a-f]{32}\n)",
           "a pointer (of git-annex or DVC) that stands for a file which was not fetched", _FETCH),
    _known("placeholder", _BLANK + rb"\{\s*\"(url|doc_id|resource_id|shortcut)\"\s*:[^{}]{0,600}"
                                   rb"(docs\.google|drive\.google|dropbox|onedrive)",
           "a placeholder of a cloud's folder, which leads to a file there", _FETCH),
    _known("partial_download", rb"(\[aria2\]|\0\x01\0\0\0\x01\0\0\0\x14|d8:complete)", "notes of a download"),
    _known("encrypted", rb"(CTENFDAM|yeelion-kuwo|\x7c\xd5\x32\xeb\x86\x02|EA3\x01\0|TiVo\0\x04|WVM\0)",
           "encrypted: protected by a shop or a recorder (NetEase, Kuwo, KuGou, OpenMG, TiVo, Widevine)", DECRYPT),
    _known("encrypted", rb"(\x30[\x82-\x84].{2,4}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07|\xc0\xb9\x07\x2e\x4f\x93)",
           "encrypted (CMS, S/MIME or AxCrypt)", DECRYPT),
    _known("encrypted", rb".{3}-FVE-FS-", "encrypted: a drive of BitLocker", DECRYPT),
    _known("encrypted", rb"(\x03\xd9\xa2\x9a[\x65-\x67]\xfb\x4b\xb5|\xfe\xed\xfe\xed)",
           "encrypted: a safe of passwords or keys", DECRYPT),
    _known("archive", rb"# v[23] git bundle", "a packed archive (a bundle of git)", UNPACK),
    _known("program", rb"[\x16-\xf0][\x0c-\x0e]\r\n", "a program (compiled Python)"),
    _known("notes", rb"RIFF.{4}RMID", "notes of music (MIDI), no sound", "Play it into a WAV file, and submit that."),
    _known("data", rb"RIFF.{4}(sfbk|DLS )", "sounds of instruments (SoundFont), no recording"),
    _known("icon", rb"RIFF.{4}ACON", "a moving cursor of Windows (ANI)", "Save it as GIF or PNG, and submit that."),
    _known("data", rb"RIFF.{4}(?!AVI |AVIX|WAVE|WEBP)[ -~]{4}", "a RIFF file of another kind than AVI, WAV and WebP"),
    _known("disc_image", rb"\0\xff{10}\0", "a disk image, of a CD as its drive reads it (BIN)",
           "Convert it with its cue sheet, and submit its tracks."),
    _known("data", rb"(#ROSBAG|\x89MCAP)", "a recording of a robot's messages (ROS bag, MCAP)"),
    _known("data", rb"(MATLAB \d|RDX[23]\n|<stata_dta>|\$FL[23]@|\0\0\x27\x0a|LASF|GRIB)",
           "a table or measurement (MATLAB, R, Stata, SPSS, a shape, a cloud of points, GRIB)"),
    _known("data", rb"\$\w{5},\d{6}", "a track of places (NMEA)"),
    _known("journal", rb"(LPKSHHRH|ElfFile\0|regf)", "a log or registry of a system"),
)  # fmt: skip
# Media in formats that are not read here.
_OTHER_MEDIA: tuple[Known, ...] = (
    _other("a sound of the Amiga (8SVX)", rb"FORM.{4}(8SVX|16SV)"),
    _other("a picture of the Amiga (ILBM)", rb"FORM.{4}(ILBM|PBM |ANIM)"),
    _other("a sound in DSD (DSF, DFF)", rb"(DSD .{4}|FRM8.{8}DSD )"),
    _other("a sound in Musepack", rb"(MPCK|MP\+[\x07\x08])"),
    _other("a sound in Sun's format (AU)", rb"\.snd\0\0"),
    _other("a sound in VOC, Shorten, TAK, VQF or OptimFROG", rb"(Creative Voice File|ajkg|tBaK|TWIN97|OFR )"),
    _other("a sound in AAC with an ADIF header", rb"ADIF"),
    _other("raw pictures (YUV4MPEG2)", rb"YUV4MPEG2 "),
    _other("a film of Windows Media Center (WTV)", rb"\xb7\xd8\x00\x20\x37\x49\xda\x11"),
    _other("a film of a surveillance recorder (DHAV, IMKH)", rb"(DHAV|DAHUA|IMKH|HKMI)"),
    _other("a film of a game (Bink, Smacker, FLIC, RoQ)", rb"(BIK[bfghik]|KB2|SMK[24]|\x84\x10\xff\xff\xff\xff)"),
    _other("a film in NSV, NUV, GXF or PVA", rb"(NSV[fs]|NuppelVideo|MythTVVideo|\0\0\0\0\x01\xbc\0\0\0\0|AV.\x55)"),
    _other("a picture in JPEG XL", rb"(\xff\x0a|\0\0\0\x0cJXL )"),
    _other("a picture in JPEG 2000", rb"(\0\0\0\x0cjP  |\xff\x4f\xff\x51)"),
    _other("a picture of high dynamic range (OpenEXR, Radiance)", rb"(v/1\x01|#\?(RADIANCE|RGBE))"),
    _other("a picture in PNM (PBM, PGM, PPM, PAM)", rb"P[1-7]\s+(#[^\n]*\n\s*)?(\d|WIDTH)"),
    _other("a picture in BigTIFF", rb"(II\x2b\0\x08\0|MM\0\x2b\0\x08)"),
    _other("a texture (DDS, KTX, ASTC)", rb"(DDS \x7c|\xabKTX |\x13\xab\xa1\x5c)"),
    _other("a picture in JPEG XR, BPG, FLIF, QOI, PCX or SGI",
           rb"(II\xbc|BPG\xfb|FLIF|qoif|\x0a[\x02\x03\x05]\x01[\x01\x02\x04\x08]|\x01\xda[\0\x01][\x01\x02])"),
)  # fmt: skip
# All of a file that is such a header and nothing else: what was to write it failed at once.
_HEADERS = re.compile(
    rb"(?P<Y4M>YUV4MPEG2 [^\n]{0,200}\n?)|(?P<AU>\.snd.{20,64})|(?P<PNM>P[1-7]\s[\d\s]{0,24})|(?P<DSF>DSD .{24})"
    rb"|(?P<VOC>Creative Voice File.{0,13})|(?P<NSV>NSVf.{24})",
    re.DOTALL,
)
# The first that fits holds.
KINDS: tuple[Known, ...] = (
    *_PROJECTS,
    *_OTHER_MEDIA,
    _known("web_page", _BLANK + _XML + _COMMENTS + rb"<(!doctype html|html|head|body|script|style|meta|title|h1)\b",
           "a web page (HTML), such as one that asks for a login or tells an error", ADDRESS),
    _known("service_error", _BLANK + _XML + rb"<Error\b",
           "a storage service's error (XML) in the place of the media", ADDRESS),
    _known("drawing", _BLANK + _XML + _COMMENTS + rb"(?:<!doctype svg[^>]{0,400}>\s*)?<svg\b",
           "a vector drawing (SVG)", "Draw it as PNG in the size that you need, and submit that."),
    _known("page_answer", rb"HTTP/\d(\.\d)? \d{3}", "a server's answer with its headers before the content",
           "Save the content alone, without the headers (`curl -o FILE ADDRESS`)."),
    _known("captions_unreadable", rb"(?:webvtt[^\n]{0,80}\n\s*|)(?:\d{1,5}[ \t]*\r?\n)?(?:\d\d:)?\d\d:\d\d[.,]\d{3}"
                                   rb" --> ",
           "captions (WebVTT) whose first line, WEBVTT, is not there", "Write WEBVTT and an empty line before them."),
    _known("captions_unreadable", rb"\d{1,5}[ \t]*\r?\n[^\n]{1,200}\n(?:[^\n]{1,200}\n){0,3}\r?\n\d{1,5}[ \t]*\r?\n",
           "captions (SRT) without a time in them", "Save them as SRT or WebVTT, with the time of each."),
    _known("captions_unreadable", rb"(# VobSub index file|<SAMI>|\{\d+\}\{\d+\}|\[\d\d:\d\d[.:]\d\d\]"
                                   rb"|\d:\d\d:\d\d\.\d{3},\d|\$\w{4,20} *=|\d\d:\d\d:\d\d[:.]\d\d ?, ?\d\d:)",
           "captions in a format that is not read (VobSub, SAMI, MicroDVD, LRC, SBV, STL)",
           "Save them as SRT or WebVTT."),
    _known("xml", _BLANK + rb"<\?xml\b", "a text in XML"),
    _known("large_file_pointer", rb"version https://git-lfs", "a pointer of Git LFS to a file, not the file",
           "Fetch the file with `git lfs pull`, and submit that."),
    _known("shortcut", rb"(\[InternetShortcut\]|\[Desktop Entry\]|L\0\0\0\x01\x14\x02\0|bplist00.{0,40}URL)",
           "a shortcut to something else", ITSELF),
    _known("torrent", rb"d\d+:(announce|created|comment|info)", "a torrent, not what it leads to",
           "Fetch what it leads to, and submit that."),
    _known("encrypted", rb"(Salted__|age-encryption\.org|-----BEGIN (PGP|AGE|CMS|PKCS7)|LUKS\xba\xbe|AES[\x00-\x03]\0|"
                        rb"VeraCrypt|encrcdsa|\xc2\xfc|\x85[\x01-\x04].{1}\x03|\x8c\x0d\x04|gocryptfs|RCLONE\0\0)",
           "encrypted", DECRYPT),
    _known("key_file", rb"(-----BEGIN [A-Z ]+-----|ssh-(rsa|ed25519) )", "a key or certificate, in text"),
    _known("pdf", rb".{0,1024}%PDF-\d", "a document (PDF)", "Save its pages as pictures, and submit those."),
    _known("document", rb"\{\\rtf", "a document (RTF)"),
    _known("document", rb"(%!PS|\xc5\xd0\xd3\xc6)", "a document (PostScript)"),
    _known("document", rb"(AT&TFORM|ITSF|.{60}BOOKMOBI)", "a book or document (DjVu, CHM, Kindle)"),
    _known("archive", rb"Rar!\x1a\x07", "a packed archive (RAR)", UNPACK),
    _known("archive", rb"7z\xbc\xaf\x27\x1c", "a packed archive (7-Zip)", UNPACK),
    _known("archive", rb"\x28\xb5\x2f\xfd", "a packed archive (Zstandard)", UNPACK),
    _known("archive", rb"\x04\x22\x4d\x18", "a packed archive (LZ4)", UNPACK),
    _known("archive", rb"MSCF", "a packed archive (CAB, a cabinet of Windows)", UNPACK),
    _known("archive", rb"!<arch>", "a packed archive (ar, such as a Debian package)", UNPACK),
    _known("archive", rb"(xar!|LZIP|0707[01][127]|\xed\xab\xee\xdb|\x1f\x9d|PACK\0\0\0|.{2}-l[hz].-)",
           "a packed archive (such as xar, lzip, cpio, RPM, compress, LHA, or a pack of git)", UNPACK),
    _known("archive", rb".{257}ustar", "a packed archive (tar)", UNPACK),
    _known("disc_image", rb".{32769}CD001|.{32769}BEA01|QFI\xfb|conectix|vhdxfile|KDMV",
           "a disk image, of a disc or of a virtual machine",
           "Open it, and submit a film from it (VIDEO_TS or BDMV)."),
    _known("disc_menu", rb"(DVDVIDEO-V|INDX0[123]00|MPLS0|HDMV0)", "a disc's list of chapters, not its film",
           "Submit the disc's .VOB or .m2ts files."),
    _known("program", rb"(\x7fELF|MZ.{58}|\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe|\xfe\xed\xfa[\xce\xcf]|\0asm|dex\n0)",
           "a program (an executable file)"),
    _known("program", rb"#!\s*/", "a program (a script)"),
    _known("database", rb"SQLite format 3\0", "a database (SQLite)"),
    _known("database", rb"\0\x01\0\0Standard (Jet|ACE)", "a database (Access)"),
    _known("database", rb"(PGDMP|-- (MySQL|MariaDB|PostgreSQL|phpMyAdmin|SQLite))", "a dump of a database"),
    _known("layers", rb"8BPS\0[\x01\x02]|gimp xcf", "a drawing with layers (PSD, XCF)",
           "Save it as PNG or TIFF, and submit that."),
    _known("raw_photo", rb"(.{4}ftypcrx |FUJIFILMCCD-RAW|\0MRM|FOVb|II\x2a\0\x10\0\0\0CR|IIRO|IIU\0|RAW\0)",
           "a camera's raw photo", "Develop it to JPEG, PNG or TIFF, and submit that."),
    _known("notes", rb"(MThd|Extended Module:|IMPM|PTMF|.{44}SCRM)", "notes of music, not a sound",
           "Play it into a WAV file, and submit that."),
    _known("resource_fork", rb"\0\0\0\x01Bud1", "macOS's side file of a folder (.DS_Store)"),
    _known("resource_fork", rb"\0\x05\x16[\x07\0]", "macOS's side file of another (its name begins with ._)",
           "Submit the file of the same name without the leading `._`."),
    _known("medical_picture", rb".{128}DICM", "a medical picture (DICOM)", "Save it as PNG, and submit that."),
    _known("flash", rb"[CFZ]WS[\x03-\x40]", "an animation of Flash (SWF)", "Record it as a film, and submit that."),
    _known("raw_film", rb"(.{4}RED[12V]|ARRI|SDPX|XPDS)", "a cinema camera's raw pictures",
           "Develop it into ProRes or H.264 with the camera maker's program, and submit that."),
    _known("data", rb"(PAR1|ORC\0|Obj\x01|ARROW1|\x89HDF|CDF[\x01\x02]|\x93NUMPY|SIMPLE  =)",
           "a file of data (such as Parquet, Avro, Arrow, HDF5, NetCDF, NumPy, FITS)"),
    _known("data", rb"(\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x4d\x3c\xb2\xa1|\x0a\x0d\x0d\x0a)",
           "a capture of network traffic (pcap)"),
    _known("data", rb"(\x80[\x02-\x05](\x95|[\]}c(q])|GGUF|.{8}\{\"(__metadata__|[\w.]+\":\{\"dtype))",
           "a model or other data of a program (pickle, GGUF, safetensors)"),
    _known("email", rb"!BDN", "a mailbox (Outlook's PST)", "Save its attachment, and submit that."),
    _known("icon", rb"\0\0[\x01\x02]\0[\x01-\x40]\0.{3}\0[\0\x01]\0", "an icon or cursor of Windows (ICO)",
           "Save it as PNG, and submit that."),
    _known("playlist", rb"(?:(?:REM|PERFORMER|TITLE|CATALOG) [^\n]{0,200}\n)*FILE \"[^\n]{1,300}(WAVE|MP3|BINARY)",
           "a cue sheet, a list of the tracks in another file", "Submit the sound file that it leads to."),
    _known("calendar", rb"BEGIN:V(CALENDAR|CARD)", "a calendar or an address card, in text"),
    _known("design", rb"(AC10\d\d|\x06\x06\xed\xf5\xd8\x1d\x46\xe5)", "a drawing of a design program",
           "Save it as PNG or TIFF, and submit that."),
    _known("font", rb"(ttcf\0|\0\x01\0\0\0.{7}(?:[A-Z/ 0-9]{4})|OTTO\0|wOF[F2])", "a font"),
    _known("email", rb"(?=(?:[^\n]{0,400}\n){0,12}(?-i:From|To|Subject): )(?:[\w-]{2,30}: [^\n]{0,400}\n){2}",
           "an e-mail", "Save its attachment, and submit that."),
    _known("email", rb"(Received: |Return-Path: |Delivered-To: |MIME-Version: |From [^\n]{1,200}\d{4}\n)",
           "an e-mail", "Save its attachment, and submit that."),
    _known("model", rb"BLENDER", "a project of Blender", "Render it, and submit the film or picture."),
    _known("model", rb"(glTF|solid |ply\n|Kaydara FBX)", "a model in three dimensions",
           "Render it, and submit the film or picture."),
    _known("json", _BLANK + rb"[\[{]\s*[\"\]}{\[]", "a text in JSON, such as a service's answer", ADDRESS),
)  # fmt: skip

# What stands at the end of a file, that many bytes before it.
_ENDS: tuple[tuple[int, bytes, Known], ...] = (
    (512, b"koly", _known("disc_image", b"", "a disk image of macOS (DMG)", "Open it, and submit the film in it.")),
    (512, b"conectix", _known("disc_image", b"", "a disk image of a virtual machine (VHD)")),
    (12, b"NER5", _known("disc_image", b"", "a disk image of Nero (NRG)", "Open it, and submit the film in it.")),
    (18, b"TRUEVISION-XFILE.", _other("a picture in TGA", b"")),
    (22, b"PK\5\6", _known("archive", b"", "a packed archive (ZIP), with something before it", UNPACK)),
)
END_BYTES = 512
"""So many are looked at."""


def by_end(end: bytes) -> Known | None:
    """What a file is whose last bytes are these."""
    return next((known for back, mark, known in _ENDS if end[len(end) - back :].startswith(mark)), None)


def header_alone(head: bytes, size: int) -> Diagnosis | None:
    """What is told of media in a format that is not read here, where it has a header and nothing to be converted."""
    found = _HEADERS.fullmatch(head) if len(head) == size else None
    if found is None:
        return None
    cause = f"the file is a header of {found.lastgroup} and nothing else: no frame and no sound follows it"
    return Diagnosis(kind="no_data", code="INPUT_CORRUPT", cause=cause, remedy=_WRITTEN)
