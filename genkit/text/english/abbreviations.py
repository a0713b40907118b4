"""What English writes short, and how a sentence boundary looks after it."""

from __future__ import annotations


def word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Said in full wherever they stand with their full stop; a sentence never ends after the first group.
TITLES = {
    "mr": "mister", "mrs": "missus", "ms": "miz", "messrs": "messers", "dr": "doctor", "prof": "professor", "rev": "reverend",
    "gen": "general", "col": "colonel", "maj": "major", "capt": "captain", "cpt": "captain", "lt": "lieutenant",
    "sgt": "sergeant", "cpl": "corporal", "pvt": "private", "cmdr": "commander", "adm": "admiral", "gov": "governor",
    "sen": "senator", "rep": "representative", "pres": "president", "hon": "honorable", "mt": "mount", "st": "saint",
    "ft": "fort", "supt": "superintendent", "fr": "father", "mme": "madame", "mlle": "mademoiselle",
    "rt": "right",
}  # fmt: skip
INSIDE = {
    "vs": "versus", "e.g": "for example", "i.e": "that is", "cf": "compare", "viz": "namely", "approx": "approximately",
    "fig": "figure", "figs": "figures", "vol": "volume", "vols": "volumes", "ch": "chapter", "sec": "section", "pp": "pages",
    "p": "page", "nos": "numbers", "no": "number", "art": "article", "eq": "equation", "ed": "edition", "eds": "editors",
    "ca": "circa", "est": "established", "incl": "including", "esp": "especially", "resp": "respectively", "par": "paragraph",
    "tel": "telephone", "ext": "extension", "ref": "reference", "op": "opus", "al": "al", "rs": "rupees",
    "a.k.a": "also known as", "rte": "route", "para": "paragraph",
}  # fmt: skip
BEFORE_NUMBER = word_set("no nos p pp fig figs vol vols ch sec art eq par para ext op ed est rs rte")
# Both inside and at the end of a sentence: only what follows can tell.
EITHER = {
    "etc": "et cetera", "inc": "incorporated", "ltd": "limited", "corp": "corporation", "co": "company", "bros": "brothers",
    "jr": "junior", "sr": "senior", "dept": "department", "univ": "university", "assn": "association", "ave": "avenue",
    "blvd": "boulevard", "rd": "road", "hwy": "highway", "pkwy": "parkway", "apt": "apartment", "misc": "miscellaneous",
    "max": "maximum", "min": "minimum", "avg": "average", "govt": "government", "intl": "international", "esq": "esquire",
}  # fmt: skip
MONTHS = {
    "jan": "january", "feb": "february", "mar": "march", "apr": "april", "jun": "june", "jul": "july", "aug": "august",
    "sep": "september", "sept": "september", "oct": "october", "nov": "november", "dec": "december",
}  # fmt: skip
FULL_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
               "december")  # fmt: skip
WEEKDAYS = {
    "mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday", "thu": "thursday", "thur": "thursday",
    "thurs": "thursday", "fri": "friday", "sat": "saturday", "sun": "sunday",
}  # fmt: skip

NEVER_LAST = set(TITLES) | set(INSIDE)
MAYBE_LAST = set(EITHER) | set(MONTHS) | set(WEEKDAYS)

# Capitalised words that begin sentences and are seldom names: after "U.S." or "St." they tell that a new sentence begins.
STARTERS = word_set(
    "a after all also although an and another any are as at because before both but by can could did do does during each "
    "even every few first for from had has have he her here his how however i if in indeed instead is it its last later "
    "let many maybe meanwhile more most much my nevertheless next no nobody not nothing now of on once one only or our "
    "perhaps she since so some soon still such suddenly that the their then there these they this those though through "
    "thus to today together too two under until was we well were what when where whether which while who why will with "
    "without would yes yesterday yet you your"
)

# Capitals that are said as a word, though short; every other group of two or three is spelt.
PRONOUNCED = word_set(
    "aids ascap captcha covid dos epcot fema fifa gif icann ikea imax isis jpeg laser lan mensa moma nafta nasa nascar "
    "nasdaq nato norad opec osha pac pin posix potus radar ram rom sars scotus scuba sim snafu sonar swat taser unesco "
    "unicef usaid van wan yolo zip"
)
SPELT = word_set(
    "aol api asap atm ceo cia diy eu dna eta faq fbi hiv html http https iou irs isp json mba mit pdf php rsvp sql tba ucla "
    "ufo uk un url usa usb vip ussr isbn ieee imdb iso ioc ipo iq mia phd uae usps"
)
SHOUTED = word_set(
    "a about add ago all and any are art as ask at bad be best big bit boy but buy by can car come cry cut dad day did "
    "die do dog don't dry eat end far few fit fly for fun get go god good got had has he help her hey him his hit home "
    "hot how i if in into is its it's job just key kid know last law led less let lie like live long look lot love low "
    "mad man many may me men mom more much must my new nice no nor not now of off oh old on once one only or our out "
    "over own pay put ran red run sad said same saw say sea see set she sit six so some son stop such sun take ten than "
    "that the them then they this time to too top try two up use very want war was way we well were what when who why "
    "will win with wow yes yet you your"
)
FOLDED = {  # words that are written in their own way; a capital stands for a letter by its name
    "phd": "P H D", "ok": "okay", "tv": "T V", "tvs": "T V's", "jpeg": "jay peg", "wifi": "wi fi",
    "ios": "I O S", "mysql": "my S Q L", "iphone": "I phone", "ipad": "I pad", "ebay": "E bay", "aka": "also known as",
    "ios's": "I O S's", "macos": "mac O S",
    "thx": "thanks", "pls": "please", "plz": "please", "pts": "points", "btw": "by the way",
    "vs": "versus", "mmhg": "millimeters of mercury", "n'": "and", "'n": "and", "wwi": "world war one", "wwii": "world war two",
}  # fmt: skip
TIME_ZONES = word_set(
    "utc gmt est edt cst cdt mst mdt pst pdt et ct mt pt bst cet cest ist jst kst hst akst msk aest aedt nzst"
)
REGNAL = word_set(
    "alexander alfonso benedict catherine charles christian clement constantine edward elizabeth francis frederick "
    "george gregory gustav harald henry innocent ivan james john julius leo leopold louis ludwig mary napoleon nicholas "
    "otto paul peter philip pius ramesses ramses richard robert rudolf urban victor wilhelm william xerxes darius"
)
NUMBERED = word_set(
    "act appendix article book canto chapter class division figure grade lesson level mark no number page part phase "
    "psalm rocky room scene section sonata stage step symphony table title type unit vol volume war bowl fantasy apollo"
)
