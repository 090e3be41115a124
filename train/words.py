"""Word lists for names and contents. Training and held-out tasks use disjoint halves."""

NOUNS = """apple anchor arrow atlas autumn badge bakery balcony bamboo banana barrel basket battery beacon
bicycle blanket bottle branch bridge bronze bucket butter button cabin cable camera candle canyon carbon
carpet castle cedar cellar chapter cherry circle cloud clover coffee comet compass copper coral corner
cotton crystal curtain daisy desert diamond dolphin dragon drawer eagle echo ember engine falcon farm
feather fence ferry field flame forest fountain fox garden garlic ginger glacier glove granite grape
guitar hammer harbor hazel helmet honey horizon horse island ivory jacket jasmine jungle kettle kitchen
ladder lagoon lamp lantern laptop lemon lettuce library lily lizard locket lotus magnet mango maple marble
market meadow melon meteor mirror monkey mountain museum needle nest notebook oak oasis ocean olive onion
orange orbit orchard otter oven owl palace panda paper parrot pearl pebble pencil pepper piano pillow
pine planet plaza plum pocket pond potato prairie pumpkin quarry rabbit radio rain raven reef ribbon
river robin rocket rose saddle salmon sandal school shadow shell shovel silver socket spark spoon spring
stable stone storm street sugar summit sunset table tablet teapot temple thunder tiger timber tomato
tower train tulip tunnel turtle umbrella valley velvet village violin wagon wallet walnut water whale
wheat wheel willow window winter wizard wolf wool yard zebra""".split()

THINGS = """report summary budget invoice plan schedule backup draft journal diary recipe list inventory
roadmap agenda minutes log config settings options setup readme changelog license notes memo letter order
receipt contract survey results data metrics stats users orders products prices tasks todo ideas draft
project meeting team travel packing shopping menu garden stock items books songs movies index main app
server client database cache network deploy build release test module worker queue mail auth login session
profile account payment shipping catalog report access error debug audit weekly monthly daily yearly
january february march april june july august october summary overview outline intro chapter manual guide
""".split()

KEYS = """port host timeout owner budget version name title author color colour size limit level mode
retries user password token region zone path url email phone price cost total count date deadline status
priority language theme interval threads workers memory disk cpu height width depth weight speed
temperature humidity pressure voltage capacity quantity discount tax currency city country street address
department manager contact license format encoding prefix suffix domain proxy gateway channel topic bucket
table schema database server endpoint key secret rate quota delay duration start end stage environment
cluster node replica shard backup target source branch release build engine driver model material room
floor seat row section category rating score grade rank points balance amount fee salary bonus rent
destination origin distance""".split()

FOLDERS = """docs src data logs notes config conf reports archive backup images assets scripts tests lib
bin tmp public private home work projects invoices letters recipes drafts old new inbox outbox drop
material tools vendor static pages posts media fonts models samples examples results output input build
dist cache sessions users team sales stock finance travel photos music videos books garden kitchen etc
""".split()

COLORS = "red green blue yellow purple orange pink brown black white grey teal cyan magenta maroon navy \
violet indigo turquoise beige amber crimson scarlet olive gold silver".split()

CITIES = """Paris London Berlin Madrid Rome Vienna Oslo Lisbon Dublin Prague Warsaw Athens Cairo Tokyo Seoul
Delhi Mumbai Lagos Nairobi Lima Quito Bogota Havana Toronto Boston Denver Seattle Austin Chicago Dallas
Geneva Zurich Munich Hamburg Milan Turin Naples Porto Malaga Seville Bergen Malmo Tallinn Riga Vilnius
Krakow Gdansk Sofia Zagreb Split Split Tunis Accra Dakar Kyoto Osaka Busan Hanoi Manila Jakarta Perth
Sydney Darwin Auckland""".split()

STATES = """active disabled enabled open closed pending done ready failed running stopped draft final
approved rejected paused archived live hidden public private fast slow strict loose debug info warning
high low medium full empty on off true false yes no auto manual daily weekly monthly hourly""".split()

VERBS = """checks opens closes carries follows reaches crosses watches paints repairs lifts moves finds
keeps holds turns drops brings covers guards leaves meets needs sells buys cleans counts feeds hides
loses makes opens pulls pushes reads rides sends sings starts stops takes teaches tests throws touches
trades visits wants washes""".split()

ADJECTIVES = """old new small large quiet loud bright dark cold warm early late quick slow heavy light
broken clean empty full happy hidden narrow open plain rough round sharp smooth soft strong sweet tall
thin tiny wet wild young spare final second third main local public yearly urgent missing cheap""".split()

FACTS = ["the {noun} code is {v}", "the {adj} {noun} is in {city}", "my favourite colour is {color}",
         "the meeting is on {day}", "the {key} of the {noun} is {v}", "{noun} costs {n} dollars",
         "the train leaves at {n}:{nn}", "my {noun} is {color}", "the {thing} is due on {day}",
         "the key is under the {noun}", "I park in row {n}", "the wifi password is {r}",
         "the {noun} belongs to the {thing} team", "we moved the {thing} to {city}",
         "project {noun} starts on {day}", "my locker number is {n}", "the door code is {n}",
         "the backup runs at {n}:{nn}", "the {adj} {noun} needs {noun2}", "the {thing} lives in {city}",
         "the build server is called {r}", "the {noun} key is {r}", "I like {noun} tea",
         "the dentist is on {day}", "the {noun} shop closes at {n}", "{r} is the name of the {noun}"]

# For training only: many other shapes of a note, so that the words of one are copied and not guessed.
MORE_FACTS = [
    "{r} is {adj}", "{noun} and {noun2} are {adj}", "our {noun} has {n} {noun2}s", "{r} works in {city}", "{r} lives near the {noun}",
    "the {noun} was {color} and is now {adj}", "{r}'s {noun} is {v}", "my {noun} is called {r}", "call {r} about the {noun}",
    "{r} has the {noun}", "the {noun} goes to {city} every {day}", "on {day} the {noun} is closed", "the {adj} {noun} opens at {n}",
    "we use {r} for the {noun}", "{noun} number {n} is broken", "the {noun} is behind the {noun2}", "{r} prefers {noun} to {noun2}",
    "the {key} must be {v}", "the {key} should never be {v}", "our {key} is {v}", "{key} = {v}", "{noun}: {v}", "{r}: {v}", "{noun} {v}",
    "the old {key} was {v}", "the new {key} of {r} is {v}", "the {noun} in {city} is {adj}", "{city} has {n} {noun}s", "{r} paid {n} for the {noun}",
    "the {noun} weighs {v}", "it takes {n} days to get the {noun}", "the {noun} lasts {n} hours", "the rent is {n}", "the phone of {r} is {v}",
    "the {noun} meeting moved to {day}", "{day} is {noun} day", "every {day} we eat {noun}", "the {noun} arrives on {day} at {n}:{nn}",
    "the flight to {city} is at {n}:{nn}", "the bus number is {n}", "the {noun} stands on shelf {n}", "the box with the {noun} is {color}",
    "the {color} {noun} is mine", "the {color} one belongs to {r}", "{r} likes {color}", "{r} and I share the {noun}", "I owe {r} {n} dollars",
    "{r} owes me a {noun}", "I lost the {noun} in {city}", "I bought the {noun} for {n}", "I sold my {noun} to {r}", "I am allergic to {noun}",
    "I work with {r}", "my boss is {r}", "my birthday is on {day}", "my cat is {adj}", "my sister moved to {city}", "the team of {r} has {n} people",
    "the server {r} has {n} cores", "the test of {noun} fails on {day}s", "{r} is down", "the {noun} release is {v}", "version {v} of {noun} is {adj}",
    "the {thing} of {r} is {adj}", "the {thing} costs {v}", "the {thing} is not {adj}", "there are {n} {thing}s left", "use the {adj} {thing}, not the {noun}",
    "the spare {thing} is in the {noun}", "the {thing} was made in {city}", "ask {r} before you touch the {thing}", "the {noun} of the {thing} is {color}",
    "the alarm is set to {n}:{nn}", "the library is open until {n}", "dinner is at {n} on {day}", "the guest's name is {r}", "the table is for {n}",
    "the total was {v}", "the answer to the {noun} question is {v}", "the {noun} is {n} meters long", "{r} {noun} {noun2} {n}", "{noun} {r} {v}"]

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
EXTENSIONS = "txt txt txt md md conf cfg ini csv log json yaml toml py sh html c list dat text".split()
SYLLABLES = """ba be bi bo bu ka ke ki ko ku da de di do du fa fe fi fo ga go gu ha he hi ho ja jo ka la le li
lo lu ma me mi mo mu na ne ni no nu pa pe pi po ra re ri ro ru sa se si so su ta te ti to tu va ve vi vo
wa we wi xa xo ya yo za ze zi zo an en in on un ar er ir or ur al el il ol ul as es is os us st tr pl gr
br cl fr ster ton ling berg ford ville sha che tho que ish ant ment tion ight ough""".split()


def split_of(items, split, share=5):
    """Every share-th item is held out; sets are disjoint."""
    items = list(dict.fromkeys(items))
    if split == "train":
        return [item for index, item in enumerate(items) if index % share != 2]
    return [item for index, item in enumerate(items) if index % share == 2]
