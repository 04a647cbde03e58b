"""Codes of languages (ISO 639): what a file or a client says, as one code of three letters. Pure.

Only such a code leaves an input: a tag of free words could say anything.
"""

import re
from collections.abc import Sequence

# ISO 639-1 and its terminologic code of ISO 639-2, by the list of its registration authority (Library of Congress).
_TWO_LETTERS = """
aa=aar ab=abk ae=ave af=afr ak=aka am=amh an=arg ar=ara as=asm av=ava ay=aym az=aze ba=bak be=bel bg=bul bi=bis bm=bam
bn=ben bo=bod br=bre bs=bos ca=cat ce=che ch=cha co=cos cr=cre cs=ces cu=chu cv=chv cy=cym da=dan de=deu dv=div dz=dzo
ee=ewe el=ell en=eng eo=epo es=spa et=est eu=eus fa=fas ff=ful fi=fin fj=fij fo=fao fr=fra fy=fry ga=gle gd=gla gl=glg
gn=grn gu=guj gv=glv ha=hau he=heb hi=hin ho=hmo hr=hrv ht=hat hu=hun hy=hye hz=her ia=ina id=ind ie=ile ig=ibo ii=iii
ik=ipk io=ido is=isl it=ita iu=iku ja=jpn jv=jav ka=kat kg=kon ki=kik kj=kua kk=kaz kl=kal km=khm kn=kan ko=kor kr=kau
ks=kas ku=kur kv=kom kw=cor ky=kir la=lat lb=ltz lg=lug li=lim ln=lin lo=lao lt=lit lu=lub lv=lav mg=mlg mh=mah mi=mri
mk=mkd ml=mal mn=mon mr=mar ms=msa mt=mlt my=mya na=nau nb=nob nd=nde ne=nep ng=ndo nl=nld nn=nno no=nor nr=nbl nv=nav
ny=nya oc=oci oj=oji om=orm or=ori os=oss pa=pan pi=pli pl=pol ps=pus pt=por qu=que rm=roh rn=run ro=ron ru=rus rw=kin
sa=san sc=srd sd=snd se=sme sg=sag si=sin sk=slk sl=slv sm=smo sn=sna so=som sq=sqi sr=srp ss=ssw st=sot su=sun sv=swe
sw=swa ta=tam te=tel tg=tgk th=tha ti=tir tk=tuk tl=tgl tn=tsn to=ton tr=tur ts=tso tt=tat tw=twi ty=tah ug=uig uk=ukr
ur=urd uz=uzb ve=ven vi=vie vo=vol wa=wln wo=wol xh=xho yi=yid yo=yor za=zha zh=zho zu=zul iw=heb in=ind ji=yid
"""
# Codes of ISO 639-2 that libraries use (bibliographic), and the terminologic ones.
_BIBLIOGRAPHIC = """
alb=sqi arm=hye baq=eus bur=mya chi=zho cze=ces dut=nld fre=fra geo=kat ger=deu gre=ell ice=isl mac=mkd mao=mri
may=msa per=fas rum=ron slo=slk tib=bod wel=cym
"""
_OTHERS = dict(pair.split("=") for pair in (_TWO_LETTERS + _BIBLIOGRAPHIC).split())
# Languages that QuickTime's files have a number for, as FFmpeg calls them, where that is not the bibliographic code.
_QUICKTIME = """
amh ara asm aym aze bel ben bul cat ces dan dzo eng epo est fin fra grn guj heb hin hun ind ita jav jpn kan kas kaz khm
kin kir kor kur lao lat lav lit mal mar mlg mlt mol mon nep nor nya ori orm pol por pus que ron run rus san sin slk slv
snd som spa swa tam tat tel tgk tgl tha tir tuk tur uig ukr urd uzb vie yid
"""
_AS_LIBRARIES = {
    *("deu", "nld", "ell", "isl", "zho", "fas", "sqi", "mkd", "hye", "kat", "bod", "mya", "msa", "cym", "eus"),
}
_UNKNOWN = frozenset({"und", "mis", "mul", "zxx"})


def code(text: str) -> str:
    """The code of ISO 639-2 or 639-3 that `text` (fr, fre, fra, fr-CA, FRA) means; empty for none that is one."""
    first = re.split("[-_]", text.strip().lower(), maxsplit=1)[0]
    found = _OTHERS.get(first, first)
    return found if re.fullmatch("[a-z]{3}", found) and found not in _UNKNOWN else ""


_TAGS = {
    long: short for short, long in (pair.split("=") for pair in _TWO_LETTERS.split()) if short not in ("iw", "in", "ji")
}
# What speakers call them (CLDR), of those that films come in most.
_SPOKEN = """
ara=العربية ben=বাংলা bul=Български cat=Català ces=Čeština dan=Dansk deu=Deutsch ell=Ελληνικά eng=English est=Eesti
fin=Suomi fra=Français heb=עברית hin=हिन्दी hrv=Hrvatski hun=Magyar ind=Indonesia ita=Italiano jpn=日本語 kor=한국어
lav=Latviešu lit=Lietuvių msa=Melayu nld=Nederlands nob=Norsk nor=Norsk pol=Polski por=Português ron=Română rus=Русский
slk=Slovenčina slv=Slovenščina spa=Español srp=Српски swe=Svenska tam=தமிழ் tel=తెలుగు tha=ไทย tur=Türkçe ukr=Українська
urd=اردو vie=Tiếng_Việt zho=中文
"""
_NAMES = {long: name.replace("_", " ") for long, name in (pair.split("=") for pair in _SPOKEN.split())}


def once(name: str, taken: Sequence[str], gap: str) -> str:
    """A name that is not taken: numbered where it is."""
    numbered, count = name, 1
    while numbered in taken:
        count += 1
        numbered = f"{name}{gap}{count}"
    return numbered


def tag(code: str) -> str:
    """A code of three letters as a language tag (RFC 5646): the shortest that there is. Empty for none."""
    return _TAGS.get(code, code)


def name(code: str) -> str:
    """What a language is called by who speaks it, or its code. Empty for none."""
    return _NAMES.get(code, code)


def in_quicktime(code: str) -> str:
    """How FFmpeg is told a language for a MOV file, of its code; empty for one that such files have no number for."""
    if code in _AS_LIBRARIES:
        return next(old for old, new in _OTHERS.items() if new == code and len(old) == 3)
    return code if code in _QUICKTIME.split() else ""
