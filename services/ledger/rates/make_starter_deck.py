#!/usr/bin/env python3
"""Writes starter_deck.csv, the deck that ships with the ledger.

    make_starter_deck.py            prints the deck
    make_starter_deck.py --check F  fails if F is not that deck

The numbering facts (calling codes, +1 area codes and where they are) are those in use in
November 2026: from libphonenumber's metadata (Apache-2.0) of release 9.0.43, and, for the
area codes that it does not have yet (NEWER below), from the NANP Administrator's planning
letters as regulators and carriers announced them. The prices are our own plausible examples in
US dollars, chosen by these rules:

- Calls to the United States and Canada cost 0.0100 per minute, and 0.0200, just
  within the standard rate, to Canada's north and its non-geographic codes. There is
  no row for a bare `1`: each assigned area code has its own, so that an area code of
  another country, or of nobody yet, is never priced as the United States.
- The 27 area codes of +1 that are neither US nor Canada cost more than the standard
  rate of 0.0200, and so do personal numbers. Toll-free numbers cost nothing to call;
  calls on them are charged to their owner, 0.0180 per minute inbound. Premium numbers
  (+1 900) have no row: such calls are refused.
- Landlines of some thirty countries with cheap termination are standard rates; their
  mobile, shared-cost and premium ranges are dearer rows of longer prefixes. All other
  countries are dearer, satellite networks and premium services 5.00 and more.
- A text to the US or Canada costs 0.0100 to 0.0130 by carrier: a wholesale base of
  0.0075 (Canada) or 0.0079 (US) and the carrier's fee, rounded to a tenth of a cent.
  For the reason above these are rows of each area code (times its carriers), not of
  `1`; the 27 others have a dearer row each. Texts to other countries have one price a
  country; networks that take no texts have none.
"""

import csv
import io
import sys

HEADER = ("kind", "prefix", "carrier", "destination", "price", "connect_fee",
          "initial_increment_seconds", "increment_seconds")

UNITED_STATES = """
    201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 220 223 224 225 227 228
    229 231 234 235 239 240 248 251 252 253 254 256 260 262 267 269 270 272 274 276 279 281 283
    301 302 303 304 305 307 308 309 310 312 313 314 315 316 317 318 319 320 321 323 324 325 326
    327 329 330 331 332 334 336 337 339 341 346 347 350 351 352 353 360 361 363 364 369 380 385
    386 401 402 404 405 406 407 408 409 410 412 413 414 415 417 419 423 424 425 430 432 434 435
    440 442 443 445 447 448 458 463 464 469 470 472 475 478 479 480 484 501 502 503 504 505 507
    508 509 510 512 513 515 516 517 518 520 530 531 534 539 540 541 551 557 559 561 562 563 564
    567 570 571 572 573 574 575 580 582 585 586 601 602 603 605 606 607 608 609 610 612 614 615
    616 617 618 619 620 623 626 628 629 630 631 636 640 641 645 646 650 651 656 657 659 660 661
    662 667 669 678 680 681 682 686 689 701 702 703 704 706 707 708 712 713 714 715 716 717 718
    719 720 724 725 726 727 728 730 731 732 734 737 738 740 743 747 748 754 757 760 762 763 765
    769 770 771 772 773 774 775 779 781 785 786 801 802 803 804 805 806 808 810 812 813 814 815
    816 817 818 820 821 826 828 830 831 832 835 838 839 840 843 845 847 848 850 854 856 857 858
    859 860 862 863 864 865 870 872 878 901 903 904 906 907 908 909 910 912 913 914 915 916 917
    918 919 920 925 928 929 930 931 934 936 937 938 940 941 943 945 947 948 949 951 952 954 956
    959 970 971 972 973 975 978 979 980 983 984 985 986 989
"""

# In service, and not in libphonenumber: area code, since when, and what it overlays.
NEWER = """
    436 2024-03-01 440 Ohio
    457 2025-09-25 318 Louisiana
    471 2026-01-30 662 Mississippi
    483 2024       334 Alabama
    624 2024       716 New York
    679 2025-11-07 313 Michigan
    729 2025-09-05 423 Tennessee
    837 2025       530 California
    861 2023-02-24 309 Illinois
"""

CANADA = """
    204 226 236 249 250 257 263 273 289 306 343 354 365 367 368 382 403 416 418 428 431 437 438 450
    468 474 506 514 519 548 579 581 584 587 600 604 613 622 633 639 647 672 683 705 709 742 753 778 780
    782 807 819 825 867 873 879 902 905 942
"""
# Satellite, machines and other special services; the territories.
CANADA_DEARER = {"600", "622", "633", "867"}

TOLL_FREE = "800 833 844 855 866 877 888"

PERSONAL = """
    500 521 522 523 524 525 526 527 528 529 532 533 544 566 577 588
"""

# Area codes of +1 that are neither US nor Canada: code, price of a call, price of a
# text, name.
OTHER_NANP = """
    242 0.1500 0.0600 Bahamas
    246 0.2000 0.0600 Barbados
    264 0.2200 0.0600 Anguilla
    268 0.2200 0.0600 Antigua & Barbuda
    284 0.2200 0.0600 British Virgin Islands
    340 0.0250 0.0250 U.S. Virgin Islands
    345 0.1500 0.0600 Cayman Islands
    441 0.0400 0.0500 Bermuda
    473 0.2400 0.0600 Grenada
    649 0.2100 0.0600 Turks & Caicos Islands
    658 0.1800 0.0600 Jamaica
    664 0.2600 0.0600 Montserrat
    670 0.0600 0.0300 Northern Mariana Islands
    671 0.0400 0.0250 Guam
    684 0.0900 0.0300 American Samoa
    721 0.1600 0.0600 Sint Maarten
    758 0.2200 0.0600 St. Lucia
    767 0.2300 0.0600 Dominica
    784 0.2200 0.0600 St. Vincent & Grenadines
    787 0.0250 0.0200 Puerto Rico
    809 0.0600 0.0600 Dominican Republic
    829 0.0900 0.0600 Dominican Republic
    849 0.0900 0.0600 Dominican Republic
    868 0.1200 0.0600 Trinidad & Tobago
    869 0.2000 0.0600 St. Kitts & Nevis
    876 0.1800 0.0600 Jamaica
    939 0.0250 0.0200 Puerto Rico
"""

# All other calling codes: code, price of a call, price of a text or -, name.
COUNTRIES = """
    20  0.1300 0.0800 Egypt
    211 0.5500 0.1000 South Sudan
    212 0.3500 0.1000 Morocco
    213 0.2500 0.0800 Algeria
    216 0.6000 0.1000 Tunisia
    218 0.3500 0.1000 Libya
    220 0.6500 0.1000 Gambia
    221 0.4500 0.1000 Senegal
    222 0.6500 0.1000 Mauritania
    223 0.4500 0.1000 Mali
    224 0.6500 0.1000 Guinea
    225 0.4500 0.1000 Côte d’Ivoire
    226 0.4500 0.1000 Burkina Faso
    227 0.4500 0.1000 Niger
    228 0.4800 0.1000 Togo
    229 0.5000 0.1000 Benin
    230 0.1800 0.0800 Mauritius
    231 0.5500 0.1000 Liberia
    232 0.6000 0.1000 Sierra Leone
    233 0.3000 0.1000 Ghana
    234 0.1400 0.0800 Nigeria
    235 0.7000 0.1000 Chad
    236 0.7500 0.1000 Central African Republic
    237 0.4000 0.1000 Cameroon
    238 0.4500 0.1000 Cape Verde
    239 1.2000 0.1200 São Tomé & Príncipe
    240 0.6500 0.1000 Equatorial Guinea
    241 0.6500 0.1000 Gabon
    242 0.6500 0.1000 Congo (Brazzaville)
    243 0.6000 0.1000 Congo (Kinshasa)
    244 0.2500 0.0800 Angola
    245 0.7500 0.1000 Guinea-Bissau
    246 2.8000 0.1200 British Indian Ocean Territory
    247 2.2000 0.1200 Ascension Island
    248 0.9000 0.1200 Seychelles
    249 0.3500 0.1000 Sudan
    250 0.3800 0.1000 Rwanda
    251 0.3500 0.1000 Ethiopia
    252 0.7500 0.1000 Somalia
    253 0.5500 0.1000 Djibouti
    254 0.2200 0.0800 Kenya
    255 0.4200 0.1000 Tanzania
    256 0.3800 0.1000 Uganda
    257 0.7000 0.1000 Burundi
    258 0.3500 0.1000 Mozambique
    260 0.4000 0.1000 Zambia
    261 0.7500 0.1000 Madagascar
    262 0.1200 0.0800 Réunion
    263 0.4000 0.1000 Zimbabwe
    264 0.1500 0.0800 Namibia
    265 0.4800 0.1000 Malawi
    266 0.4500 0.1000 Lesotho
    267 0.2800 0.0800 Botswana
    268 0.2800 0.0800 Eswatini
    269 0.8500 0.1200 Comoros
    27  0.0800 0.0600 South Africa
    290 2.5000 0.1200 St. Helena
    291 0.4000 0.1000 Eritrea
    297 0.2000 0.0800 Aruba
    298 0.1200 0.0600 Faroe Islands
    299 0.8000 0.1200 Greenland
    30  0.0170 0.0400 Greece
    31  0.0170 0.0800 Netherlands
    32  0.0190 0.0800 Belgium
    33  0.0150 0.0600 France
    34  0.0150 0.0600 Spain
    350 0.0900 0.0600 Gibraltar
    351 0.0170 0.0400 Portugal
    352 0.0190 0.0800 Luxembourg
    353 0.0160 0.0600 Ireland
    354 0.0400 0.0600 Iceland
    355 0.2800 0.0800 Albania
    356 0.1200 0.0800 Malta
    357 0.0600 0.0600 Cyprus
    358 0.0900 0.0800 Finland
    359 0.0600 0.0800 Bulgaria
    36  0.0180 0.0600 Hungary
    370 0.1200 0.0600 Lithuania
    371 0.2500 0.0600 Latvia
    372 0.1200 0.0600 Estonia
    373 0.3500 0.1000 Moldova
    374 0.2200 0.0800 Armenia
    375 0.5500 0.1000 Belarus
    376 0.1000 0.0800 Andorra
    377 0.1600 0.0800 Monaco
    378 0.3000 0.1000 San Marino
    380 0.2200 0.0800 Ukraine
    381 0.2600 0.0800 Serbia
    382 0.3200 0.1000 Montenegro
    383 0.3800 0.1000 Kosovo
    385 0.0800 0.0800 Croatia
    386 0.1800 0.0800 Slovenia
    387 0.2800 0.0800 Bosnia & Herzegovina
    389 0.3000 0.1000 North Macedonia
    39  0.0160 0.0800 Italy
    40  0.0600 0.0800 Romania
    41  0.0200 0.0800 Switzerland
    420 0.0190 0.0400 Czechia
    421 0.0500 0.0800 Slovakia
    423 0.1800 0.0800 Liechtenstein
    43  0.0190 0.0800 Austria
    44  0.0150 0.0400 United Kingdom
    45  0.0190 0.0400 Denmark
    46  0.0150 0.0400 Sweden
    47  0.0170 0.0600 Norway
    48  0.0180 0.0600 Poland
    49  0.0140 0.0800 Germany
    500 2.2000 0.1200 Falkland Islands
    501 0.3500 0.1000 Belize
    502 0.1900 0.0800 Guatemala
    503 0.2300 0.0800 El Salvador
    504 0.2800 0.0800 Honduras
    505 0.3000 0.1000 Nicaragua
    506 0.0700 0.0600 Costa Rica
    507 0.1200 0.0800 Panama
    508 0.3500 0.1000 St. Pierre & Miquelon
    509 0.4500 0.1000 Haiti
    51  0.0500 0.0300 Peru
    52  0.0220 0.0300 Mexico
    53  0.9500 0.1200 Cuba
    54  0.0400 0.0300 Argentina
    55  0.0350 0.0600 Brazil
    56  0.0600 0.0600 Chile
    57  0.0450 0.0300 Colombia
    58  0.0600 0.0600 Venezuela
    590 0.1600 0.0800 Guadeloupe
    591 0.2800 0.0800 Bolivia
    592 0.4000 0.1000 Guyana
    593 0.2200 0.0800 Ecuador
    594 0.1400 0.0800 French Guiana
    595 0.1400 0.0800 Paraguay
    596 0.1600 0.0800 Martinique
    597 0.3200 0.1000 Suriname
    598 0.1600 0.0800 Uruguay
    599 0.2000 0.0800 Curaçao
    60  0.0300 0.0400 Malaysia
    61  0.0190 0.0600 Australia
    62  0.0900 0.1200 Indonesia
    63  0.1800 0.0800 Philippines
    64  0.0200 0.0800 New Zealand
    65  0.0150 0.0400 Singapore
    66  0.0350 0.0400 Thailand
    670 1.4000 0.1200 Timor-Leste
    672 1.9000 0.1200 Norfolk Island and Antarctica
    673 0.1200 0.0800 Brunei
    674 1.7000 0.1200 Nauru
    675 1.3000 0.1200 Papua New Guinea
    676 0.9000 0.1200 Tonga
    677 1.5000 0.1200 Solomon Islands
    678 1.2000 0.1200 Vanuatu
    679 0.3500 0.1000 Fiji
    680 0.4500 0.1000 Palau
    681 1.3000 0.1200 Wallis & Futuna
    682 1.3000 0.1200 Cook Islands
    683 1.9000 0.1200 Niue
    685 0.9000 0.1200 Samoa
    686 1.6000 0.1200 Kiribati
    687 0.5500 0.1000 New Caledonia
    688 1.5000 0.1200 Tuvalu
    689 0.5500 0.1000 French Polynesia
    690 1.9000 0.1200 Tokelau
    691 0.6500 0.1000 Micronesia
    692 0.5500 0.1000 Marshall Islands
    7   0.0900 0.1200 Russia
    800 0.0000 -      International freephone
    808 0.1000 -      International shared cost
    81  0.0200 0.0600 Japan
    82  0.0190 0.0400 South Korea
    84  0.1200 0.0800 Vietnam
    850 1.2000 0.1200 North Korea
    852 0.0180 0.0400 Hong Kong
    853 0.1300 0.0800 Macao
    855 0.1400 0.0800 Cambodia
    856 0.1600 0.0800 Laos
    86  0.0150 0.0400 China
    870 6.5000 0.2500 Inmarsat (satellite)
    878 0.5000 -      Universal personal telecommunications
    880 0.0500 0.1000 Bangladesh
    881 5.5000 0.2500 Global mobile satellite systems
    882 7.5000 0.1500 International networks 882 (satellite, maritime)
    883 1.5000 0.1500 International networks 883
    886 0.0350 0.0600 Taiwan
    888 3.0000 -      Disaster relief 888
    90  0.1200 0.0800 Türkiye
    91  0.0190 0.0300 India
    92  0.1300 0.1000 Pakistan
    93  0.3500 0.1000 Afghanistan
    94  0.2600 0.0800 Sri Lanka
    95  0.3800 0.1000 Myanmar
    960 0.9500 0.1200 Maldives
    961 0.2400 0.0800 Lebanon
    962 0.2500 0.0800 Jordan
    963 0.2800 0.0800 Syria
    964 0.3000 0.1000 Iraq
    965 0.1400 0.0800 Kuwait
    966 0.1800 0.0800 Saudi Arabia
    967 0.2600 0.0800 Yemen
    968 0.3000 0.1000 Oman
    970 0.2600 0.0800 Palestinian Territories
    971 0.2300 0.0800 United Arab Emirates
    972 0.0160 0.0600 Israel
    973 0.1600 0.0800 Bahrain
    974 0.2900 0.0800 Qatar
    975 0.1400 0.0800 Bhutan
    976 0.0900 0.0600 Mongolia
    977 0.2200 0.0800 Nepal
    979 9.0000 -      International premium rate
    98  0.2200 0.0800 Iran
    992 0.3200 0.1000 Tajikistan
    993 0.2600 0.0800 Turkmenistan
    994 0.3800 0.1000 Azerbaijan
    995 0.2400 0.0800 Georgia
    996 0.2600 0.0800 Kyrgyzstan
    998 0.1800 0.0800 Uzbekistan
"""

# Longer prefixes of calls: prefixes, price, name.
CALL_RANGES = """
    447 | 0.0350 | United Kingdom mobile
    4470 | 0.3000 | United Kingdom personal numbers
    4476 | 0.4000 | United Kingdom pagers
    4484 4487 | 0.1500 | United Kingdom shared cost
    449 | 1.5000 | United Kingdom premium
    441481 | 0.0250 | Guernsey
    441534 | 0.0250 | Jersey
    441624 | 0.0250 | Isle of Man
    447781 447839 447911 | 0.1200 | Guernsey mobile
    447509 4477003 4477007 4477008 447797 447829 447937 | 0.1200 | Jersey mobile
    447624 447924 | 0.1200 | Isle of Man mobile
    4915 4916 4917 | 0.0450 | Germany mobile
    49180 | 0.2000 | Germany shared cost
    49190 49900 | 1.9000 | Germany premium
    336 337 | 0.0450 | France mobile
    338 | 0.2500 | France special services
    3389 | 1.5000 | France premium
    346 347 | 0.0350 | Spain mobile
    34803 34806 34807 34905 34907 | 1.5000 | Spain premium
    393 | 0.0400 | Italy mobile
    39892 39893 39895 39899 | 1.9000 | Italy premium
    3906698 | 0.0160 | Vatican City
    316 | 0.0450 | Netherlands mobile
    31900 31906 31909 | 1.5000 | Netherlands premium
    3538 | 0.0500 | Ireland mobile
    35315 | 1.5000 | Ireland premium
    3245 3246 3247 3248 3249 | 0.0600 | Belgium mobile
    3290 | 1.5000 | Belgium premium
    467 | 0.0300 | Sweden mobile
    46900 46939 46944 | 1.5000 | Sweden premium
    4590 | 1.5000 | Denmark premium
    474 479 | 0.0450 | Norway mobile
    4779 | 0.0450 | Svalbard & Jan Mayen
    4782 | 1.5000 | Norway premium
    43650 43660 43664 43676 43677 43678 43680 43681 43688 43699 | 0.0500 | Austria mobile
    43900 43930 | 1.9000 | Austria premium
    4174 4175 4176 4177 4178 4179 | 0.0900 | Switzerland mobile
    41900 41901 41906 | 1.9000 | Switzerland premium
    614 | 0.0450 | Australia mobile
    6113 6118 | 0.2500 | Australia special services
    6119 | 1.5000 | Australia premium
    6189162 | 1.2000 | Cocos (Keeling) Islands
    6189164 | 1.2000 | Christmas Island
    642 | 0.0600 | New Zealand mobile
    64900 | 1.5000 | New Zealand premium
    3519 | 0.0400 | Portugal mobile
    35160 35176 | 1.5000 | Portugal premium
    3069 | 0.0350 | Greece mobile
    30901 30909 | 1.5000 | Greece premium
    3526 | 0.0600 | Luxembourg mobile
    352900 352905 | 1.5000 | Luxembourg premium
    4845 4850 4851 4853 4857 4860 4866 4869 4872 4873 4878 4879 4888 | 0.0500 | Poland mobile
    4870 | 1.5000 | Poland premium
    4206 4207 | 0.0500 | Czechia mobile
    42090 | 1.5000 | Czechia premium
    3620 3630 3631 3650 3670 | 0.0600 | Hungary mobile
    3690 | 1.5000 | Hungary premium
    9725 | 0.0450 | Israel mobile
    8170 8180 8190 | 0.1100 | Japan mobile
    8210 | 0.0400 | South Korea mobile
    82060 | 1.5000 | South Korea premium
    6519 | 1.5000 | Singapore premium
    852900 | 1.5000 | Hong Kong premium
    76 77 | 0.1500 | Kazakhstan
    35818 | 0.0900 | Åland Islands
    2125288 2125289 | 0.3500 | Western Sahara
    262269 262639 | 0.1800 | Mayotte
    2908 | 2.5000 | Tristan da Cunha
    5993 5994 5997 | 0.2200 | Caribbean Netherlands
    883510 | 0.0300 | International networks 883 (iNum)
"""

US_CARRIERS = (("", "0.0120"), ("att", "0.0100"), ("t-mobile", "0.0110"),
               ("us-cellular", "0.0130"), ("verizon", "0.0110"))
CANADA_CARRIERS = (("", "0.0130"), ("bell", "0.0130"), ("freedom", "0.0120"),
                   ("rogers", "0.0130"), ("telus", "0.0125"), ("videotron", "0.0130"))
TOLL_FREE_TEXT = "0.0120"


def lines(block):
    return [line.strip() for line in block.strip().splitlines()]


def north_america():
    newer = [line.split()[0] for line in lines(NEWER)]
    for code in UNITED_STATES.split() + newer:
        yield "call", "1" + code, "", "United States", "0.0100"
        for carrier, price in US_CARRIERS:
            yield "sms", "1" + code, carrier, "United States", price
    for code in CANADA.split():
        price = "0.0200" if code in CANADA_DEARER else "0.0100"
        yield "call", "1" + code, "", "Canada", price
        for carrier, price in CANADA_CARRIERS:
            yield "sms", "1" + code, carrier, "Canada", price
    for code in TOLL_FREE.split():
        yield "call", "1" + code, "", "North America toll-free", "0.0000"
        yield "call_inbound", "1" + code, "", "North America toll-free", "0.0180"
        yield "sms", "1" + code, "", "North America toll-free", TOLL_FREE_TEXT
    for code in PERSONAL.split():
        yield "call", "1" + code, "", "North America personal numbers", "0.2500"
    for line in lines(OTHER_NANP):
        code, call, text, name = line.split(maxsplit=3)
        yield "call", "1" + code, "", name, call
        yield "sms", "1" + code, "", name, text


def rest_of_the_world():
    for line in lines(COUNTRIES):
        code, call, text, name = line.split(maxsplit=3)
        yield "call", code, "", name, call
        if text != "-":
            yield "sms", code, "", name, text
    for line in lines(CALL_RANGES):
        prefixes, price, name = line.split(" | ")
        for prefix in prefixes.split():
            yield "call", prefix, "", name, price
    # A text to Kazakhstan is none to Russia.
    for prefix in ("76", "77"):
        yield "sms", prefix, "", "Kazakhstan", "0.1200"


def deck():
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for row in sorted([*north_america(), *rest_of_the_world()]):
        writer.writerow([*row, "", "", ""])
    return out.getvalue().encode()


def main():
    if len(sys.argv) == 1:
        sys.stdout.buffer.write(deck())
    elif len(sys.argv) == 3 and sys.argv[1] == "--check":
        with open(sys.argv[2], "rb") as file:
            if file.read() != deck():
                sys.exit(f"{sys.argv[2]} is not what {sys.argv[0]} writes")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
