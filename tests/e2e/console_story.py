"""A customer's story in a real browser, from the first card through free minutes, a dip, a recharge, a
decline and DISABLED to a renewed card; two browsers on one account; the ledger restarted in mid-form;
support; hostile names, narrow screens, no scripts, the keyboard alone. Screenshots go to FOLDER.

console_story.py URL CUSTOMER_TOKEN SUPPORT_TOKEN FOLDER [AXE]

AXE is axe.min.js of axe-core, by which each page is looked at where it is there.

What only the ledger can do is asked for by a file FOLDER/ask, which the test answers by FOLDER/answer.
"""

import os
import sys
import time

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import Select

PATIENCE = 40
ACCOUNT = "story"
HOSTILE = "<script>document.title=1</script>"
LONG = "Bartholomew-Featherstonehaugh-" * 4


def fail(text):
    sys.exit(f"console_story: {text}")


def until(what, condition):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    return fail(f"it never came that {what}")


# Whether an element was not to be had because its page has gone: while the next one is being
# loaded the browser has a name for that, or none.
def of_another_page(error):
    return (isinstance(error, StaleElementReferenceException)
            or "does not belong to the document" in str(error))


class Browser:
    def __init__(self, url, folder, scripts=True):
        options = Options()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                         "--disable-dev-shm-usage", "--window-size=1000,900", "--lang=en-US"):
            options.add_argument(argument)
        if not scripts:
            options.add_experimental_option(
                "prefs", {"profile.managed_default_content_settings.javascript": 2})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.url, self.folder = url, folder

    def go(self, path):
        self.driver.get(self.url + path)

    def enter(self, token):
        self.go("/enter?token=" + token)

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def text(self, css="main"):
        # The page may be another one while it is read, of which a browser tells in several ways.
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.find(css).text
            except WebDriverException:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def click(self, words, within="main"):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if self.click_now(words, within):
                    return
            except WebDriverException as gone:
                # Anything else may have been a click already.
                if not of_another_page(gone):
                    raise
            time.sleep(0.05)
        fail(f"there is nothing called '{words}' on {self.driver.current_url}: {self.text()}")

    def click_now(self, words, within):
        for one in self.driver.find_elements(By.CSS_SELECTOR, f"{within} a, {within} button"):
            if one.text.strip() == words:
                self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", one)
                one.click()
                return True
        return False

    def fill(self, name, value):
        field = self.find(f"main [name='{name}']:not([type=hidden])")
        field.clear()
        field.send_keys(value)

    def expect(self, words, css="main"):
        # The page that a click leads to may still be on its way.
        end = time.monotonic() + PATIENCE
        while words not in self.text(css):
            if time.monotonic() > end:
                fail(f"'{words}' is not on {self.driver.current_url}: {self.text(css)}")
            time.sleep(0.05)

    def picture(self, name):
        height = self.driver.execute_script("return document.documentElement.scrollHeight")
        width = self.driver.execute_script("return window.innerWidth")
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": min(height, 6000), "deviceScaleFactor": 1, "mobile": False})
        self.driver.save_screenshot(os.path.join(self.folder, name + ".png"))
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def narrow(self):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": 320, "height": 700, "deviceScaleFactor": 1, "mobile": True})

    def wide(self):
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def complaints(self):
        return [line["message"] for line in self.driver.get_log("browser")
                if line["level"] == "SEVERE" and "status of" not in line["message"]]


class Story:
    def __init__(self, url, customer, support, folder, axe=None):
        self.url, self.customer_token, self.support_token = url, customer, support
        self.folder = folder
        self.asked = 0
        self.axe = None
        if axe:
            with open(axe, encoding="utf-8") as file:
                self.axe = file.read()

    def ask(self, command):
        """Has the test do something at the ledger."""
        self.asked += 1
        path = os.path.join(self.folder, "ask")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(f"{self.asked} {command}")
        os.rename(path + ".new", path)
        answer = os.path.join(self.folder, f"answer-{self.asked}")
        until(f"'{command}' was answered", lambda: os.path.exists(answer))
        with open(answer, encoding="utf-8") as file:
            return file.read().strip()

    def comes_to(self, browser, amount):
        """The page and the ledger come to the same, to the cent."""
        def there():
            browser.go(f"/a/{ACCOUNT}/billing")
            return browser.text("#balance") == amount
        until(f"the page shows {amount}", there)
        ledger = self.ask(f"balance {ACCOUNT}")
        if "$" + ledger != amount:
            fail(f"the page has {amount}, the ledger {ledger}")

    def give_card(self, browser, words, link):
        browser.go(f"/a/{ACCOUNT}/billing")
        browser.click(link)
        Select(browser.find("#card")).select_by_visible_text(words)
        browser.click("Give this card")
        browser.expect("The card is there.")

    def first_card(self, browser):
        browser.enter(self.customer_token)
        browser.expect("Waiting for the first payment")
        browser.expect("There is no card.")
        browser.picture("01-no-card")
        self.give_card(browser, "Visa that works", "Add a card")
        self.comes_to(browser, "$15.00")
        browser.expect("In use")
        browser.expect("Visa ending in 4242")

    def free_minutes(self, browser):
        if self.ask(f"call {ACCOUNT} free +442079460000 60") != "0.00":
            fail("a call within the free minutes costs something")
        self.ask(f"call {ACCOUNT} dear +8821600000001 30")
        browser.go(f"/a/{ACCOUNT}/calls")
        browser.expect("Free minutes before:")
        browser.expect("Above the standard rate")
        until("the pictures are drawn",
              lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".plot canvas")) == 2)
        browser.picture("02-calls")
        browser.go(f"/a/{ACCOUNT}/billing")
        ledger = self.ask(f"balance {ACCOUNT}")
        browser.expect("$" + ledger, "#balance")

    def dip_and_recharge(self, browser):
        self.ask(f"level {ACCOUNT} 6")
        self.comes_to(browser, "$21.00")
        browser.expect("Automatic")
        browser.picture("03-recharged")

    def decline_and_back(self, browser):
        self.give_card(browser, "Visa without money", "Renew")
        browser.expect("Visa ending in 9995")
        self.ask(f"level {ACCOUNT} 3")

        def declined():
            browser.go(f"/a/{ACCOUNT}/billing")
            return "Was declined" in browser.text()
        until("the card is declined", declined)
        browser.expect("The card was declined.")
        self.ask(f"level {ACCOUNT} -1")

        def disabled():
            browser.go(f"/a/{ACCOUNT}/billing")
            return browser.text("#state") == "Switched off"
        until("the account is switched off", disabled)
        browser.picture("04-switched-off")
        self.give_card(browser, "Mastercard that works", "Renew")

        def enabled():
            browser.go(f"/a/{ACCOUNT}/billing")
            return browser.text("#state") == "In use"
        until("the account is in use again", enabled)
        ledger = self.ask(f"balance {ACCOUNT}")
        browser.expect("$" + ledger, "#balance")

    def two_browsers(self, browser):
        other = Browser(self.url, self.folder)
        other.enter(self.customer_token)
        browser.go(f"/a/{ACCOUNT}/billing")
        browser.fill("reserve_amount", "30")
        browser.click("Save")
        browser.expect("Saved.")
        other.fill("reserve_amount", "45")
        other.fill("notify_below", "x")
        other.click("Save")
        other.expect("An amount like 20")
        if other.find("#reserve_amount").get_attribute("value") != "45":
            fail("what was typed is gone")
        other.picture("05-mistake")
        other.fill("notify_below", "")
        other.click("Save")
        other.expect("Somebody has changed this meanwhile.")
        other.driver.quit()

    def restart_in_mid_form(self, browser):
        browser.go(f"/a/{ACCOUNT}/billing")
        browser.fill("amount", "25")
        browser.click("See what it will do")
        browser.expect("will be charged $25.00")
        address = browser.driver.current_url
        browser.picture("06-top-up")
        before = float(self.ask(f"balance {ACCOUNT}"))
        charges = int(self.ask(f"charges {ACCOUNT}"))
        self.ask("stop")
        browser.click("Charge the card")
        browser.expect("it is done once, however often it is sent")
        browser.picture("07-not-answered")
        self.ask("start")

        def sent():
            if "The top-up is under way" in browser.text():
                return True
            browser.click("Send again")
            return False
        until("the form is answered", sent)
        until("it is charged", lambda: int(self.ask(f"charges {ACCOUNT}")) == charges + 1)
        until("it is credited", lambda: float(self.ask(f"balance {ACCOUNT}")) == before + 25)
        self.back_to(browser, address, charges + 1)

    def back_to(self, browser, address, charges):
        """Going back and charging once more is the same top-up, of which the page tells at once."""
        browser.go(f"/a/{ACCOUNT}/billing")
        top_ups = browser.text().count("Top-up")
        for _ in range(6):
            browser.driver.back()
            if browser.driver.current_url == address:
                break
        else:
            fail("the back button does not lead to the top-up")
        browser.click("Charge the card")
        until("the form is answered", lambda: "done=top_up" in browser.driver.current_url)
        browser.expect("The top-up is under way")
        if browser.text().count("Top-up") != top_ups:
            fail("the back button has begun another top-up")
        self.ask(f"balance {ACCOUNT}")
        if int(self.ask(f"charges {ACCOUNT}")) != charges:
            fail("the back button has charged again")

    def support(self, browser):
        browser.enter(self.support_token)
        # The customer is signed in here still.
        browser.click("Sign in by this link")
        browser.expect("What to look for")
        browser.fill("find", ACCOUNT)
        browser.click("Search")
        browser.click(ACCOUNT)
        browser.expect("What happened")
        browser.picture("08-life")
        browser.click("Adjust the balance")
        browser.fill("amount", "1234567.89")
        browser.fill("reason", HOSTILE + LONG)
        browser.click("Try it")
        browser.expect("An entry of $1,234,567.89")
        browser.picture("09-try")
        browser.click("Do it: Adjust the balance")
        browser.expect(HOSTILE)
        if browser.driver.title == "1":
            fail("what somebody wrote has run")
        browser.go(f"/a/{ACCOUNT}/billing")
        browser.picture("10-rich")
        browser.go("/support/reviews")
        browser.expect("Nothing waits for a decision.")

    def every_page(self, browser):
        """None is wider than a narrow screen, each field has a name, and nothing complains."""
        pages = [f"/a/{ACCOUNT}/billing", f"/a/{ACCOUNT}/calls", f"/a/{ACCOUNT}/prices",
                 f"/a/{ACCOUNT}/prices?number=%2B442079460000&minutes=3", f"/a/{ACCOUNT}/life",
                 f"/a/{ACCOUNT}/act/pay", f"/a/{ACCOUNT}/top-up?amount=20", "/support",
                 "/support?by=name&find=", "/support/reviews", "/prices", "/nothing",
                 "/a/empty/billing", "/a/empty/calls", "/a/empty/life",
                 f"/a/{ACCOUNT}/receipts", f"/a/{ACCOUNT}/receipts/1", f"/a/{ACCOUNT}/users",
                 f"/a/{ACCOUNT}/calls?from=x&least=y", "/decks", "/decks/1",
                 "/switch?token=x&to=/", "/support?by=number&find=%2B442079460000",
                 "/support?by=number&find=x", f"/a/{ACCOUNT}/calls?number=%2B44",
                 f"/a/{ACCOUNT}/act/resolve?ordinal=1"]
        browser.complaints()
        browser.narrow()
        for number, page in enumerate(pages):
            browser.go(page)
            width = browser.driver.execute_script("return document.documentElement.scrollWidth")
            if width > 320:
                fail(f"{page} is {width} wide on a screen of 320")
            unnamed = browser.driver.execute_script(
                "return [...document.querySelectorAll('input:not([type=hidden]), select')]"
                ".filter((one) => one.labels.length === 0).length + "
                "[...document.querySelectorAll('a, button')]"
                ".filter((one) => !one.textContent.trim() && !one.ariaLabel).length")
            if unnamed or not browser.driver.title:
                fail(f"{page} has {unnamed} fields without a name")
            if self.axe:
                self.look_by_axe(browser, page)
            browser.picture(f"11-narrow-{number:02}")
            browser.narrow()
        browser.wide()
        browser.go(f"/a/{ACCOUNT}/prices?search=united&number=%2B442079460000&minutes=3")
        browser.picture("12-prices")
        browser.go("/a/empty/billing")
        browser.picture("13-empty")
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        browser.go(f"/a/{ACCOUNT}/calls")
        browser.picture("14-print")
        self.nothing_to_click(browser)
        for name, page in (("16-print-billing", "billing"), ("17-print-receipt", "receipts/1"),
                           ("18-print-life", "life")):
            browser.go(f"/a/{ACCOUNT}/{page}")
            browser.picture(name)
            self.nothing_to_click(browser)
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        for name, page in (("19-number-called", "/support?by=number&find=%2B442079460000"),
                           ("20-filtered", f"/a/{ACCOUNT}/calls?number=%2B44"),
                           ("21-decks", "/decks"), ("22-deck", "/decks/1"),
                           ("23-empty-calls", "/a/empty/calls"),
                           ("24-empty-life", "/a/empty/life")):
            browser.go(page)
            browser.picture(name)
        if browser.complaints():
            fail(f"the browser complains: {browser.complaints()}")

    def nothing_to_click(self, browser):
        shown = browser.driver.execute_script(
            "return [...document.querySelectorAll('nav, form, button, .button')]"
            ".filter((one) => one.offsetParent !== null).length")
        if shown or not browser.find(".account").is_displayed():
            fail(f"{shown} things to click are printed, or the account is not")

    def look_by_axe(self, browser, page):
        """What keeps people out, as axe-core sees it."""
        browser.driver.execute_script(self.axe)
        found = browser.driver.execute_async_script(
            "const done = arguments[0];"
            "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
            ".then((seen) => done(seen.violations.map((one) => one.id + ': ' + "
            "one.nodes.map((node) => node.target.join(' ')).join(', '))),"
            "      (error) => done([String(error)]));")
        if found:
            fail(f"axe-core finds on {page}: {found}")

    def keyboard(self, browser):
        browser.go(f"/a/{ACCOUNT}/billing")
        browser.find("body").send_keys(Keys.TAB)
        if browser.driver.switch_to.active_element.text != "Skip to the content":
            fail("the first stop of the keyboard is not the way to the content")
        browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
        for _ in range(40):
            here = browser.driver.switch_to.active_element
            if here.get_attribute("id") == "amount":
                break
            here.send_keys(Keys.TAB)
        else:
            fail("the keyboard does not come to the top-up")
        here.clear()
        here.send_keys("20" + Keys.ENTER)
        until("the keyboard sends the form", lambda: "will be charged $20.00" in browser.text())

    def every_stop(self, browser):
        """The keyboard comes to all that can be used, and one sees where it is."""
        for page in (f"/a/{ACCOUNT}/billing", f"/a/{ACCOUNT}/calls", f"/a/{ACCOUNT}/prices",
                     f"/a/{ACCOUNT}/act/pay", "/support"):
            browser.go(page)
            browser.find("body").send_keys(Keys.TAB)
            for _ in range(400):
                unseen = browser.driver.execute_script(
                    "const here = document.activeElement; here.dataset.stopped = '1';"
                    "if (getComputedStyle(here).outlineStyle === 'none' && here.tagName !== 'BODY')"
                    "  return 'nobody sees where the keyboard is: ' + here.outerHTML;"
                    "return [...document.querySelectorAll("
                    "'a[href], button, input:not([type=hidden]), select, [tabindex=\"0\"]')]"
                    ".filter((one) => one.dataset.stopped !== '1' && one.offsetParent !== null)"
                    ".length;")
                if isinstance(unseen, str):
                    fail(f"on {page} {unseen}")
                if unseen == 0:
                    break
                browser.driver.switch_to.active_element.send_keys(Keys.TAB)
            else:
                fail(f"the keyboard does not come to {unseen} places of {page}")

    def without_scripts(self):
        browser = Browser(self.url, self.folder, scripts=False)
        browser.enter(self.customer_token)
        browser.go(f"/a/{ACCOUNT}/calls")
        browser.expect("Spend by country")
        if browser.driver.find_elements(By.CSS_SELECTOR, "canvas"):
            fail("a script has run")
        browser.fill("number", "+8821")
        browser.click("Show")
        browser.expect("+8821600000001")
        browser.picture("15-no-scripts")
        browser.driver.quit()

    def tell(self):
        browser = Browser(self.url, self.folder)
        self.first_card(browser)
        self.free_minutes(browser)
        self.dip_and_recharge(browser)
        self.decline_and_back(browser)
        self.two_browsers(browser)
        self.restart_in_mid_form(browser)
        self.keyboard(browser)
        self.without_scripts()
        self.support(browser)
        self.every_page(browser)
        self.every_stop(browser)
        browser.driver.quit()


if __name__ == "__main__":
    Story(*sys.argv[1:]).tell()
    print("told")
