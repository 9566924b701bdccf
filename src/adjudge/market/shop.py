"""What the generated shop sells: kinds of product, the families buyers use as broad words, and attributes.

All words are plain English, so that pretrained word embeddings know them; the shop itself is made up.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of product. `names` are synonyms; `measure` and `material` name a word list, or are empty.

    `lines`: sold as brand, series and model number. `fits`: the first name of the kind it is an accessory
    of, or empty. `price` is the median in currency units.
    """

    names: tuple[str, ...]
    leaf: str
    family: str
    price: float
    measure: str = ""
    material: str = ""
    lines: bool = False
    fits: str = ""
    colour: bool = True


MEASURES = {
    "storage": ("64gb", "128gb", "256gb", "512gb", "1tb"),
    "screen": ("24 inch", "32 inch", "43 inch", "55 inch", "65 inch"),
    "laptop": ("13 inch", "14 inch", "15 inch", "17 inch"),
    "wear": ("small", "medium", "large", "xl", "xxl"),
    "shoe": ("size 5", "size 6", "size 7", "size 8", "size 9", "size 10"),
    "litres": ("1 litre", "2 litre", "5 litre", "20 litre", "50 litre"),
    "watts": ("20w", "45w", "65w", "500w", "1200w"),
    "pieces": ("set of 2", "set of 4", "set of 6", "10 pack", "24 pack"),
    "length": ("1m", "2m", "3m", "5m", "10m"),
    "bed": ("single", "double", "king", "queen"),
    "wheel": ("20 inch", "24 inch", "26 inch", "29 inch"),
    "battery": ("12v", "18v", "20v", "36v"),
    "person": ("2 person", "4 person", "6 person", "8 person"),
}
MATERIALS = {
    "soft": ("leather", "silicone", "fabric", "nylon"),
    "hard": ("steel", "aluminium", "plastic", "glass"),
    "wood": ("oak", "pine", "walnut", "bamboo", "metal"),
    "cloth": ("cotton", "linen", "wool", "velvet", "polyester", "silk"),
    "upper": ("leather", "suede", "canvas", "mesh"),
    "gem": ("gold", "silver", "pearl", "titanium"),
    "ware": ("ceramic", "porcelain", "glass", "steel", "copper"),
}
COLOURS = (
    *("black", "white", "red", "blue", "green", "yellow", "grey", "pink"),
    *("purple", "orange", "brown", "navy", "beige", "teal"),
)
CONDITIONS = ("new", "used", "refurbished")

FAMILIES = {
    "phones": ("phones", "mobiles"),
    "phone extras": ("phone accessories", "mobile accessories"),
    "televisions": ("home entertainment", "video equipment"),
    "audio": ("audio", "sound equipment", "music players"),
    "cameras": ("photography", "camera gear"),
    "wearables": ("wearables", "watches"),
    "computers": ("computers", "pc"),
    "computer extras": ("computer accessories", "peripherals"),
    "gaming": ("gaming", "video game gear"),
    "seating": ("seating", "living room furniture"),
    "tables": ("furniture", "dining furniture"),
    "storage": ("storage", "storage furniture"),
    "bedroom": ("bedroom", "sleep"),
    "lighting": ("lighting", "lights"),
    "decor": ("home decor", "decoration"),
    "appliances": ("kitchen appliances", "small appliances"),
    "cookware": ("cookware", "cooking"),
    "tableware": ("tableware", "dinnerware"),
    "cleaning": ("floor care", "cleaning"),
    "garden power": ("garden machinery", "outdoor power equipment"),
    "garden": ("gardening", "garden supplies"),
    "outdoor living": ("outdoor living", "patio"),
    "power tools": ("power tools", "diy tools"),
    "hand tools": ("hand tools", "workshop"),
    "car parts": ("auto parts", "car parts"),
    "vehicles": ("vehicles", "motors"),
    "car care": ("car accessories", "automotive"),
    "shoes": ("shoes", "footwear"),
    "tops": ("clothing", "apparel"),
    "outerwear": ("outerwear", "winter clothing"),
    "bags": ("bags", "luggage"),
    "jewellery": ("jewellery", "jewelry"),
    "fitness": ("fitness", "gym equipment"),
    "cycling": ("cycling", "bike"),
    "camping": ("camping", "hiking gear"),
    "fishing": ("fishing", "angling"),
    "toys": ("toys", "kids toys"),
    "baby": ("baby", "nursery"),
    "pets": ("pet supplies", "pets"),
    "office": ("office supplies", "stationery"),
    "music": ("musical instruments", "instruments"),
}


# One row a kind, kept on one line so that the shop can be read down.
# fmt: off
ELECTRONICS = (
    Kind(("smartphone", "cell phone", "mobile phone"), "Cell Phones", "phones", 320, "storage", lines=True),
    Kind(("phone case", "mobile cover"), "Phone Cases", "phone extras", 14, "", "soft", fits="smartphone"),
    Kind(("screen protector", "tempered glass"), "Phone Screen Guards", "phone extras", 9, "pieces", fits="smartphone", colour=False),
    Kind(("phone charger", "power adapter"), "Phone Chargers", "phone extras", 18, "watts", fits="smartphone"),
    Kind(("car phone holder", "dashboard mount"), "Phone Holders", "phone extras", 16, "", "hard"),
    Kind(("television", "tv", "smart tv"), "Televisions", "televisions", 420, "screen", lines=True),
    Kind(("tv remote", "remote control"), "TV Remotes", "televisions", 12, fits="television"),
    Kind(("tv wall bracket", "television mount"), "TV Brackets", "televisions", 25, "screen", "hard"),
    Kind(("projector", "home cinema beamer"), "Projectors", "televisions", 260, lines=True),
    Kind(("headphones", "headset"), "Headphones", "audio", 75, lines=True),
    Kind(("earbuds", "earphones", "in ear buds"), "Headphones", "audio", 48, lines=True),
    Kind(("bluetooth speaker", "wireless speaker"), "Speakers", "audio", 60, "watts", lines=True),
    Kind(("soundbar", "sound bar"), "Speakers", "audio", 130, "watts", lines=True),
    Kind(("turntable", "record player"), "Record Players", "audio", 150, "", "wood", lines=True),
    Kind(("camera", "digital camera"), "Digital Cameras", "cameras", 380, lines=True),
    Kind(("camera strap", "neck strap"), "Camera Straps", "cameras", 17, "", "soft", fits="camera"),
    Kind(("camera battery", "replacement battery"), "Camera Batteries", "cameras", 22, "pieces", fits="camera", colour=False),
    Kind(("tripod", "camera stand"), "Tripods", "cameras", 45, "", "hard"),
    Kind(("drone", "quadcopter"), "Drones", "cameras", 300, lines=True),
    Kind(("smartwatch", "smart watch"), "Smart Watches", "wearables", 160, lines=True),
    Kind(("fitness tracker", "activity band"), "Smart Watches", "wearables", 60, lines=True),
    Kind(("watch band", "wrist strap"), "Watch Bands", "wearables", 15, "", "soft", fits="smartwatch"),
    Kind(("laptop", "notebook computer"), "Laptops", "computers", 540, "laptop", lines=True),
    Kind(("tablet", "slate computer"), "Tablets", "computers", 260, "storage", lines=True),
    Kind(("monitor", "computer display"), "Monitors", "computers", 190, "screen", lines=True),
    Kind(("laptop charger", "notebook power supply"), "Laptop Chargers", "computer extras", 28, "watts", fits="laptop"),
    Kind(("laptop sleeve", "notebook bag"), "Laptop Bags", "computer extras", 24, "laptop", "soft", fits="laptop"),
    Kind(("tablet case", "slate cover"), "Tablet Cases", "computer extras", 19, "", "soft", fits="tablet"),
    Kind(("keyboard", "mechanical keyboard"), "Keyboards", "computer extras", 55, lines=True),
    Kind(("computer mouse", "wireless mouse"), "Computer Mice", "computer extras", 26, lines=True),
    Kind(("printer", "inkjet printer"), "Printers", "computer extras", 120, lines=True),
    Kind(("ink cartridge", "printer ink"), "Printer Ink", "computer extras", 25, "pieces", fits="printer"),
    Kind(("hard drive", "external disk"), "Storage Drives", "computer extras", 70, "storage", lines=True),
    Kind(("game console", "gaming system"), "Game Consoles", "gaming", 330, "storage", lines=True),
    Kind(("controller", "gamepad"), "Game Controllers", "gaming", 42, fits="game console"),
    Kind(("gaming chair", "racing seat"), "Gaming Furniture", "gaming", 160, "", "soft"),
)
HOME = (
    Kind(("sofa", "couch", "settee"), "Sofas", "seating", 520, "person", "cloth"),
    Kind(("armchair", "accent chair"), "Armchairs", "seating", 210, "", "cloth"),
    Kind(("recliner", "lounger chair"), "Armchairs", "seating", 290, "", "soft"),
    Kind(("sofa cover", "couch slipcover"), "Slipcovers", "seating", 38, "person", "cloth"),
    Kind(("dining table", "kitchen table"), "Tables", "tables", 240, "person", "wood"),
    Kind(("coffee table", "low table"), "Tables", "tables", 110, "", "wood"),
    Kind(("desk", "writing table"), "Desks", "tables", 150, "", "wood"),
    Kind(("office chair", "swivel chair"), "Office Chairs", "seating", 130, "", "soft"),
    Kind(("bookcase", "bookshelf"), "Bookcases", "storage", 95, "", "wood"),
    Kind(("wardrobe", "closet"), "Wardrobes", "storage", 260, "", "wood"),
    Kind(("storage box", "basket"), "Storage Boxes", "storage", 18, "litres", "cloth"),
    Kind(("bed frame", "bedstead"), "Beds", "bedroom", 230, "bed", "wood"),
    Kind(("mattress", "foam bed"), "Mattresses", "bedroom", 280, "bed", colour=False),
    Kind(("duvet cover", "quilt cover"), "Bedding", "bedroom", 34, "bed", "cloth"),
    Kind(("pillow", "cushion"), "Pillows", "bedroom", 19, "pieces", "cloth"),
    Kind(("table lamp", "desk light"), "Lamps", "lighting", 36, "", "ware"),
    Kind(("ceiling light", "chandelier"), "Ceiling Lights", "lighting", 88, "", "hard"),
    Kind(("light bulb", "led lamp"), "Light Bulbs", "lighting", 11, "watts", colour=False),
    Kind(("rug", "carpet"), "Rugs", "decor", 75, "length", "cloth"),
    Kind(("curtains", "drapes"), "Curtains", "decor", 42, "length", "cloth"),
    Kind(("mirror", "looking glass"), "Mirrors", "decor", 64, "", "wood"),
    Kind(("vase", "flower jar"), "Vases", "decor", 23, "", "ware"),
    Kind(("blender", "smoothie maker"), "Blenders", "appliances", 65, "litres", lines=True),
    Kind(("coffee machine", "espresso maker"), "Coffee Machines", "appliances", 180, "litres", lines=True),
    Kind(("coffee filter", "filter paper"), "Coffee Filters", "appliances", 9, "pieces", fits="coffee machine", colour=False),
    Kind(("kettle", "water boiler"), "Kettles", "appliances", 34, "litres", "hard", lines=True),
    Kind(("toaster", "bread grill"), "Toasters", "appliances", 38, "", "hard", lines=True),
    Kind(("air fryer", "hot air oven"), "Fryers", "appliances", 95, "litres", lines=True),
    Kind(("frying pan", "skillet"), "Cookware", "cookware", 33, "", "ware"),
    Kind(("saucepan", "cooking pot"), "Cookware", "cookware", 36, "litres", "ware"),
    Kind(("kitchen knife", "chef blade"), "Kitchen Knives", "cookware", 42, "pieces", "hard"),
    Kind(("mug", "coffee cup"), "Mugs", "tableware", 12, "pieces", "ware"),
    Kind(("dinner plate", "dish"), "Plates", "tableware", 24, "pieces", "ware"),
    Kind(("vacuum cleaner", "hoover"), "Vacuums", "cleaning", 170, "watts", lines=True),
    Kind(("vacuum bag", "dust bag"), "Vacuum Parts", "cleaning", 13, "pieces", fits="vacuum cleaner", colour=False),
    Kind(("steam mop", "floor steamer"), "Vacuums", "cleaning", 85, "watts", lines=True),
)
OUTDOORS = (
    Kind(("lawn mower", "grass cutter"), "Lawn Mowers", "garden power", 260, "battery", lines=True),
    Kind(("mower blade", "cutter blade"), "Mower Parts", "garden power", 26, "pieces", "hard", fits="lawn mower", colour=False),
    Kind(("hedge trimmer", "shrub cutter"), "Hedge Trimmers", "garden power", 95, "battery", lines=True),
    Kind(("pressure washer", "jet washer"), "Pressure Washers", "garden power", 150, "watts", lines=True),
    Kind(("garden hose", "water pipe"), "Hoses", "garden", 28, "length"),
    Kind(("plant pot", "flower planter"), "Plant Pots", "garden", 17, "litres", "ware"),
    Kind(("spade", "shovel"), "Garden Tools", "garden", 24, "", "wood"),
    Kind(("greenhouse", "glasshouse"), "Greenhouses", "garden", 190, "", "wood"),
    Kind(("barbecue", "grill", "bbq"), "Barbecues", "outdoor living", 210, "", "hard", lines=True),
    Kind(("barbecue cover", "grill cover"), "Barbecue Covers", "outdoor living", 22, "", "soft", fits="barbecue"),
    Kind(("patio set", "garden furniture set"), "Patio Sets", "outdoor living", 340, "person", "wood"),
    Kind(("parasol", "sun umbrella"), "Parasols", "outdoor living", 58, "length"),
    Kind(("cordless drill", "power driver"), "Drills", "power tools", 105, "battery", lines=True),
    Kind(("circular saw", "wood cutter"), "Saws", "power tools", 115, "battery", lines=True),
    Kind(("sander", "polisher"), "Sanders", "power tools", 62, "watts", lines=True),
    Kind(("drill battery", "power pack"), "Tool Batteries", "power tools", 44, "battery", fits="cordless drill", colour=False),
    Kind(("drill bit", "boring bit"), "Drill Bits", "power tools", 16, "pieces", "hard", colour=False),
    Kind(("hammer", "mallet"), "Hammers", "hand tools", 19, "", "wood"),
    Kind(("spanner", "wrench"), "Spanners", "hand tools", 21, "pieces", "hard", colour=False),
    Kind(("toolbox", "tool chest"), "Tool Boxes", "hand tools", 46, "litres", "hard"),
    Kind(("tent", "camping shelter"), "Tents", "camping", 130, "person", "cloth", lines=True),
    Kind(("sleeping bag", "camp bedding"), "Sleeping Bags", "camping", 52, "wear", "cloth"),
    Kind(("rucksack", "backpack"), "Backpacks", "bags", 58, "litres", "soft"),
    Kind(("camping stove", "gas cooker"), "Camping Stoves", "camping", 37, "", "hard", lines=True),
    Kind(("fishing rod", "angling pole"), "Fishing Rods", "fishing", 72, "length", lines=True),
    Kind(("fishing reel", "spinning reel"), "Fishing Reels", "fishing", 66, "", "hard", lines=True),
    Kind(("bicycle", "bike", "mountain bike"), "Bicycles", "cycling", 390, "wheel", "hard", lines=True),
    Kind(("bike tyre", "bicycle tire"), "Bike Parts", "cycling", 27, "wheel", colour=False),
    Kind(("bike helmet", "cycle helmet"), "Bike Helmets", "cycling", 41, "wear"),
    Kind(("bike light", "cycle lamp"), "Bike Lights", "cycling", 19, "pieces"),
)
STYLE = (
    Kind(("sneakers", "trainers", "running shoes"), "Sneakers", "shoes", 82, "shoe", "upper", lines=True),
    Kind(("boots", "ankle boots"), "Boots", "shoes", 98, "shoe", "upper"),
    Kind(("sandals", "flip flops"), "Sandals", "shoes", 34, "shoe", "upper"),
    Kind(("shoe laces", "boot strings"), "Shoe Care", "shoes", 6, "length", "cloth"),
    Kind(("t shirt", "tee"), "T-Shirts", "tops", 19, "wear", "cloth"),
    Kind(("sweater", "jumper", "pullover"), "Knitwear", "tops", 44, "wear", "cloth"),
    Kind(("trousers", "pants"), "Trousers", "tops", 39, "wear", "cloth"),
    Kind(("dress", "gown"), "Dresses", "tops", 48, "wear", "cloth"),
    Kind(("jacket", "coat"), "Coats", "outerwear", 105, "wear", "cloth"),
    Kind(("raincoat", "waterproof parka"), "Coats", "outerwear", 78, "wear", "cloth"),
    Kind(("gloves", "mittens"), "Gloves", "outerwear", 21, "wear", "upper"),
    Kind(("handbag", "purse"), "Handbags", "bags", 88, "", "soft"),
    Kind(("suitcase", "travel case"), "Suitcases", "bags", 92, "litres", "soft"),
    Kind(("wallet", "card holder"), "Wallets", "bags", 31, "", "soft"),
    Kind(("necklace", "pendant"), "Necklaces", "jewellery", 64, "", "gem", colour=False),
    Kind(("ring", "wedding band"), "Rings", "jewellery", 120, "", "gem", colour=False),
    Kind(("earrings", "ear studs"), "Earrings", "jewellery", 38, "", "gem", colour=False),
    Kind(("treadmill", "running machine"), "Treadmills", "fitness", 480, "", "", lines=True),
    Kind(("dumbbell", "hand weight"), "Weights", "fitness", 45, "pieces", "hard"),
    Kind(("yoga mat", "exercise mat"), "Yoga Mats", "fitness", 25, "", "soft"),
    Kind(("brake pads", "brake shoes"), "Brakes", "car parts", 39, "pieces", "", fits="motor scooter", colour=False),
    Kind(("headlight", "front lamp"), "Car Lights", "car parts", 92, "watts", "", fits="motor scooter", colour=False),
    Kind(("air filter", "engine intake filter"), "Car Filters", "car parts", 18, "", "", fits="motor scooter", colour=False),
    Kind(("wing mirror", "side mirror"), "Car Mirrors", "car parts", 58, "", "", fits="motor scooter"),
    Kind(("motor scooter", "moped"), "Scooters", "vehicles", 620, "", "", lines=True),
    Kind(("car seat cover", "auto seat protector"), "Car Interiors", "car care", 43, "pieces", "soft"),
    Kind(("car battery", "vehicle accumulator"), "Car Batteries", "car care", 96, "battery", colour=False),
    Kind(("dash cam", "car video recorder"), "Dash Cams", "car care", 78, "storage", lines=True),
)
LEISURE = (
    Kind(("building blocks", "construction bricks"), "Building Toys", "toys", 36, "pieces"),
    Kind(("doll", "baby figure"), "Dolls", "toys", 27, "", "cloth"),
    Kind(("jigsaw", "puzzle"), "Puzzles", "toys", 16, "pieces", colour=False),
    Kind(("board game", "tabletop game"), "Board Games", "toys", 29, "person", colour=False),
    Kind(("remote control car", "rc buggy"), "RC Cars", "toys", 64, "battery", lines=True),
    Kind(("stuffed animal", "plush toy", "teddy"), "Plush", "toys", 20, "wear", "cloth"),
    Kind(("pram", "stroller", "pushchair"), "Strollers", "baby", 240, "", "cloth", lines=True),
    Kind(("baby monitor", "infant camera"), "Baby Monitors", "baby", 92, "screen", lines=True),
    Kind(("cot", "crib"), "Cribs", "baby", 160, "", "wood"),
    Kind(("dog bed", "puppy cushion"), "Dog Beds", "pets", 39, "wear", "cloth"),
    Kind(("dog leash", "dog lead"), "Dog Leads", "pets", 15, "length", "soft"),
    Kind(("cat tree", "scratching post"), "Cat Furniture", "pets", 68, "", "wood"),
    Kind(("fish tank", "aquarium"), "Aquariums", "pets", 110, "litres", "hard", colour=False),
    Kind(("notebook", "writing journal"), "Notebooks", "office", 9, "pieces", "soft"),
    Kind(("fountain pen", "ink pen"), "Pens", "office", 32, "", "hard", lines=True),
    Kind(("stapler", "paper fastener"), "Staplers", "office", 13, "", "hard"),
    Kind(("guitar", "acoustic guitar"), "Guitars", "music", 210, "", "wood", lines=True),
    Kind(("guitar strings", "string set"), "Guitar Parts", "music", 11, "pieces", "gem", colour=False),
    Kind(("piano keyboard", "digital piano"), "Pianos", "music", 330, "", "", lines=True),
    Kind(("drum kit", "percussion set"), "Drums", "music", 360, "pieces", "wood", lines=True),
)
# fmt: on
KINDS = (*ELECTRONICS, *HOME, *OUTDOORS, *STYLE, *LEISURE)
DEPARTMENTS = (
    *("electronics",) * len(ELECTRONICS),
    *("home",) * len(HOME),
    *("outdoors",) * len(OUTDOORS),
    *("style",) * len(STYLE),
    *("leisure",) * len(LEISURE),
)
